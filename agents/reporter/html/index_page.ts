import { drawing, percent } from "./drawing.ts";
import { html, joinPercentSigns, type Markup } from "./markup.ts";
import { formatCount, formatInstant, formatShare, pluralize } from "../content/format.ts";
import { clipName } from "./clipped_text.ts";
import { page } from "./page.ts";
import { errorShare, type Summary } from "../content/summary.ts";

/** Streams that have a row of their own above the list of reports. */
const STREAMS_MAX = 50;
/** Runs in the drawing of a stream. */
const RUNS_MAX = 20;
/** Height of that drawing, in pixels. */
const RUNS_HEIGHT = 22;

/**
 * Writes the page that leads to the reports.
 *
 * @param reports newest first
 * @param unreadable number of further reports whose entry in memory cannot be read
 */
export function renderIndexPage(reports: readonly Summary[], unreadable: number): string {
  const streams = [...Map.groupBy(reports, ({ stream }) => stream).values()];
  const more = streams.length - STREAMS_MAX;
  const total = `${pluralize(reports.length, "report")} on ${pluralize(streams.length, "stream")}`;
  return page("Reports", [
    html`
      <header>
        <h1>Reports</h1>
        <p class="soft">${total}, newest first</p>
      </header>
    `,
    html`
      <section>
        <h2>Streams</h2>
        <table class="flow">
          <thead>
            <tr><th>stream</th><th class="bar">latest runs</th><th>latest report</th></tr>
          </thead>
          <tbody>${streams.slice(0, STREAMS_MAX).map(streamRow)}</tbody>
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
      <td><code class="name">${clipName(latest.stream)}</code></td>
      <td class="bar">${runsDrawing(reports.slice(0, RUNS_MAX).reverse())}</td>
      <td class="text"><a href="${latest.task}/report.html">${joinPercentSigns(
        latest.headline,
      )}</a></td>
    </tr>
  `;
}

function reportRow(report: Summary): Markup {
  const { task, stream, run, headline, records, to } = report;
  const errors = errorShare(report);
  return html`
    <tr>
      <td><code class="name">${clipName(stream)}</code></td>
      <td class="n soft">run ${formatCount(run)}</td>
      <td class="text"><a href="${task}/report.html">${joinPercentSigns(headline)}</a></td>
      <td class="n">${formatCount(records)}</td>
      <td class="n">${errors !== null && formatShare(errors)}</td>
      <td class="soft nowrap">${to !== null && formatInstant(to)}</td>
    </tr>
  `;
}

/** Draws the records of each run, oldest first, with the errors among them at the foot. */
function runsDrawing(reports: Summary[]): Markup {
  const highest = reports.reduce((max, { records }) => Math.max(max, records), 1);
  const column = (value: number, i: number, kind: string) => {
    const height = Math.max(1, Math.round(Math.min(1, value / highest) * RUNS_HEIGHT));
    const [x, width] = [percent(i / RUNS_MAX), percent(0.8 / RUNS_MAX)];
    return html`
      <rect class="${kind}" x="${x}" width="${width}" y="${RUNS_HEIGHT - height}"
        height="${height}" />
    `;
  };
  const label = `Records and errors of ${pluralize(reports.length, "run")}`;
  return drawing(RUNS_HEIGHT, label, [
    reports.map(({ records }, i) => column(records, i, "rec")),
    reports.map(({ errors }, i) => errors !== null && errors > 0 && column(errors, i, "err")),
  ]);
}
