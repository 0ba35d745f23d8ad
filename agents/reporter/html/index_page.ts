import { printable } from "../../../lib/printable.ts";
import { drawing, percent } from "./bars.ts";
import { html, type Markup, unbroken } from "./markup.ts";
import { formatCount, formatInstant, formatShare, pluralize } from "../content/format.ts";
import { page } from "./page.ts";
import { errorShare, type Summary } from "../content/summary.ts";

/** Streams that get a row of their own above the list of reports. */
const STREAMS_SHOWN = 50;
/** Runs in a stream's small drawing, and its height in pixels. */
const RUNS_DRAWN = 20;
const DRAWING = 22;
const NAME_MAX = 80;

/**
 * Writes the page that leads to the reports; they come newest first and stay in that order.
 *
 * @param unreadable reports beside these, of which nothing can be told
 */
export function renderIndexPage(reports: readonly Summary[], unreadable = 0): string {
  const streams = [...Map.groupBy(reports, ({ stream }) => stream).values()];
  const more = streams.length - STREAMS_SHOWN;
  const found = `${pluralize(reports.length, "report")} on ${pluralize(streams.length, "stream")}`;
  return page("Reports", [
    html`
      <header>
        <h1>Reports</h1>
        <p class="soft">${found}, newest first</p>
      </header>
    `,
    html`
      <section>
        <h2>Streams</h2>
        <table class="flow">
          <thead>
            <tr><th>stream</th><th class="bar">latest runs</th><th>latest report</th></tr>
          </thead>
          <tbody>${streams.slice(0, STREAMS_SHOWN).map(streamRow)}</tbody>
        </table>
        ${more > 0 && html`<p class="small soft">and ${pluralize(more, "more stream")}</p>`}
      </section>
    `,
    html`
      <section>
        <h2>All reports</h2>
        <table class="flow">
          <thead>
            <tr>
              <th>stream</th>
              <th></th>
              <th>headline</th>
              <th class="n">records</th>
              <th class="n">errors</th>
              <th>data until</th>
            </tr>
          </thead>
          <tbody>${reports.map(reportRow)}</tbody>
        </table>
        ${unreadable > 0 && html`
          <p class="small soft">${pluralize(
            unreadable,
            "report",
          )} left out: unreadable in memory</p>
        `}
      </section>
    `,
  ]);
}

function streamRow(reports: Summary[]): Markup {
  const [latest] = reports;
  return html`
    <tr>
      <td><code class="name">${printable(latest.stream, NAME_MAX)}</code></td>
      <td class="bar">${runs(reports.slice(0, RUNS_DRAWN).reverse())}</td>
      <td class="text"><a href="${latest.task}/report.html">${unbroken(latest.headline)}</a></td>
    </tr>
  `;
}

function reportRow(report: Summary): Markup {
  const { task, stream, run, headline, records, to } = report;
  const errors = errorShare(report);
  return html`
    <tr>
      <td><code class="name">${printable(stream, NAME_MAX)}</code></td>
      <td class="n soft">run ${formatCount(run)}</td>
      <td class="text"><a href="${task}/report.html">${unbroken(headline)}</a></td>
      <td class="n">${formatCount(records)}</td>
      <td class="n">${errors !== null && formatShare(errors)}</td>
      <td class="soft nowrap">${to !== null && formatInstant(to)}</td>
    </tr>
  `;
}

/** Records of each run, oldest first, with the errors at the foot. */
function runs(reports: Summary[]): Markup {
  const top = reports.reduce((max, { records }) => Math.max(max, records), 1);
  const column = (value: number, i: number, kind: string) => {
    const height = Math.max(1, Math.round(Math.min(1, value / top) * DRAWING));
    const [x, width] = [percent(i / RUNS_DRAWN), percent(0.8 / RUNS_DRAWN)];
    return html`
      <rect class="${kind}" x="${x}" width="${width}" y="${DRAWING - height}"
        height="${height}" />
    `;
  };
  const label = `Records and errors of ${pluralize(reports.length, "run")}`;
  return drawing(DRAWING, label, [
    reports.map(({ records }, i) => column(records, i, "rec")),
    reports.map(({ errors }, i) => errors !== null && errors > 0 && column(errors, i, "err")),
  ]);
}
