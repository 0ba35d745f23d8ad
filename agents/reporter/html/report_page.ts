import { printable } from "../../../lib/printable.ts";
import { type Analysis, LEVELS, type Template } from "../../shapes.ts";
import { levelsBar, shareBar, strip, swatch } from "./bars.ts";
import { type Child, html, type Markup, unbroken } from "./markup.ts";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatFieldNumber,
  formatPeriod,
  formatShare,
  pluralize,
  ratio,
} from "../content/format.ts";
import { describeChanges, type Group, type Item } from "../content/describe_changes.ts";
import { page } from "./page.ts";
import type { ReportModel } from "../content/report_model.ts";
import { errorShare, errorsOf } from "../content/summary.ts";
import { describeBursts } from "../content/describe_bursts.ts";
import { timelineChart } from "./timeline_chart.ts";

/** The page is never larger, because the rows and the text in each are limited below. */
export const HTML_BYTES_MAX = 1024 * 1024;

const NEWS_SHOWN = 30;
const TEMPLATES_SHOWN = 50;
/** Templates that are open at once; the others unfold. */
const TEMPLATES_OPEN = 15;
const FIELDS_SHOWN = 40;
const VALUE_FIELDS_SHOWN = 20;
const VALUES_SHOWN = 8;
const KEYWORDS_SHOWN = 60;
const SOURCES_SHOWN = 30;
const BURSTS_SHOWN = 10;

const TEXT_MAX = 300;
const EXAMPLE_MAX = 400;
const NAME_MAX = 80;
const WORD_MAX = 60;

/** Writes a report as a page that stands alone, with drawings, and with what is new at the top. */
export function renderReportPage(parts: ReportModel): string {
  const { analysis } = parts;
  return page(`${name(analysis.stream)}, run ${formatCount(analysis.run)}`, [
    heading(parts),
    news(analysis),
    tiles(parts),
    timeline(analysis),
    levels(analysis),
    templates(analysis),
    fields(analysis),
    values(analysis),
    keywords(analysis),
    sources(analysis),
    footer(parts),
  ]);
}

function heading({ analysis, headline }: ReportModel): Markup {
  const { stream, run, from, to } = analysis;
  const length = from !== null && to !== null && to > from ? ` (${formatDuration(to - from)})` : "";
  return html`
    <header>
      <p class="over">Report · run ${formatCount(run)}</p>
      <h1>${name(stream)}</h1>
      <p class="headline">${unbroken(headline)}</p>
      <p class="soft">${formatPeriod(from, to)}${length}</p>
    </header>
  `;
}

function news(analysis: Analysis): Markup {
  if (analysis.run === 1) {
    return html`
      <section class="news">
        <h2>What is new</h2>
        <p>First run of this stream: this is the baseline that later runs are compared with.</p>
      </section>
    `;
  }
  const groups = describeChanges(analysis, NEWS_SHOWN);
  if (groups.length === 0) {
    return html`
      <section class="news quiet">
        <h2>Nothing new</h2>
        <p>Every template, rate and value is as usual for this stream.</p>
      </section>
    `;
  }
  return html`
    <section class="news"><h2>What is new</h2>
    ${groups.map(newsGroup)}</section>
  `;
}

function newsGroup({ title, items, more }: Group): Markup {
  return html`
    <h3>${title}</h3>
    <ul class="columns">${items.map(newsItem)}${more > 0 &&
      html`<li class="soft">and ${formatCount(more)} more</li>`}</ul>
  `;
}

function newsItem({ subject, level, words, example }: Item): Markup {
  const severity = level && level !== "none" && [chip(level), " "];
  const shown = example && example !== subject && printable(example, EXAMPLE_MAX);
  return html`
    <li>
      <code>${printable(subject, TEXT_MAX)}</code>
      <div class="small soft">${severity}${unbroken(words)}</div>
      ${shown && html`<div class="example"><code>${shown}</code></div>`}
    </li>
  `;
}

/** The text, and the example on request where it says more than the text. */
function withExample(text: string, example: string, mark: Child): Markup {
  const code = html`${mark}<code>${printable(text, TEXT_MAX)}</code>`;
  if (example === text) return html`<div>${code}</div>`;
  return html`
    <details>
      <summary>${code}</summary>
      <p><code>${printable(example, EXAMPLE_MAX)}</code></p>
    </details>
  `;
}

function tiles({ analysis, previous }: ReportModel): Markup {
  const { records, templates } = analysis;
  const errors = errorShare({ errors: errorsOf(analysis), records });
  const before = previous && errorShare(previous);
  return html`
    <div class="tiles">
    ${tile(formatCount(records), "records", previous && formatCount(previous.records))}
    ${errors !== null &&
      tile(formatShare(errors), "errors", before === null ? null : formatShare(before))}
    ${templates.length > 0 &&
      tile(formatCount(templates.length), "templates", previous && formatCount(previous.templates))}
    ${tile(formatBytes(analysis.bytes), "read", previous && formatBytes(previous.bytes))}
    </div>
  `;
}

function tile(now: string, noun: string, before: string | null): Markup {
  const was = before !== null && html`<span class="small soft">was ${before}</span>`;
  return html`<div class="tile"><b>${now}</b><span>${noun}</span>${was}</div>`;
}

function timeline({ timeline, bursts }: Analysis): Child {
  if (!timeline || timeline.points.length === 0) return null;
  const told = describeBursts(bursts, timeline.step_ms);
  const lines = told.slice(0, BURSTS_SHOWN).map((text) => html`<li>${text}</li>`);
  return section("Timeline", [
    timelineChart(timeline, bursts),
    lines.length > 0 && html`<ul class="small">${lines}</ul>`,
    rest(told.length - lines.length, "burst"),
  ]);
}

function levels(analysis: Analysis): Child {
  if (errorsOf(analysis) === null) return null;
  const { levels, records } = analysis;
  const present = LEVELS.filter((level) => levels[level]);
  const key = present.map((level) => [
    swatch(
      `l-${level}`,
      `${level} ${formatCount(levels[level]!)}, ${formatShare(ratio(levels[level]!, records))}`,
    ),
    " ",
  ]);
  return section("Levels", [levelsBar(levels), html`<p class="key small soft">${key}</p>`]);
}

function templates({ templates, templates_dropped, records }: Analysis): Child {
  if (templates.length === 0) return null;
  const top = templates.reduce((max, { count }) => Math.max(max, count), 0);
  const rows = templates.slice(0, TEMPLATES_SHOWN).map((template) =>
    templateRow(template, top, records)
  );
  const closed = templates.slice(TEMPLATES_OPEN).reduce((sum, { count }) => sum + count, 0);
  const more = templates.length - TEMPLATES_OPEN;
  return section("Templates", [
    html`
      <table class="flow">
        <thead>
          <tr>
            <th class="n">records</th>
            <th class="n">share</th>
            <th class="bar"></th>
            <th>level</th>
            <th>template</th>
          </tr>
        </thead>
        <tbody>${rows.slice(0, TEMPLATES_OPEN)}</tbody>
      </table>
    `,
    more > 0 &&
    html`
      <details class="more">
        <summary>${pluralize(more, "more template")} with ${pluralize(closed, "record")}</summary>
        <table class="flow">
          <tbody>${rows.slice(TEMPLATES_OPEN)}</tbody>
        </table>
        ${rest(templates.length - rows.length, "template")}
      </details>
    `,
    templates_dropped > 0 &&
    html`<p class="small soft">${
      pluralize(templates_dropped, "record")
    } of rare templates left out</p>`,
  ]);
}

function templateRow(template: Template, top: number, records: number): Markup {
  const { level, status, text, example } = template;
  const bad = level === "error" || level === "fatal";
  const mark = status === "new" && [html`<span class="chip new">new</span>`, " "];
  return html`
    <tr>
      <td class="n">${formatCount(template.count)}</td>
      <td class="n soft">${formatShare(ratio(template.count, records))}</td>
      <td class="bar">${shareBar(
        ratio(template.count, records),
        ratio(top, records),
        bad ? "err" : "rec",
      )}</td>
      <td>${level !== "none" && chip(level)}</td>
      <td class="text">${withExample(text, example, mark)}</td>
    </tr>
  `;
}

function fields({ fields }: Analysis): Child {
  if (fields.length === 0) return null;
  const shown = fields.slice(0, FIELDS_SHOWN);
  const columns = ["min", "p50", "p90", "p99", "max"] as const;
  const rows = shown.map((field) =>
    html`
      <tr><td><code>${name(field.name)}</code></td><td class="wide">${strip(
        field,
      )}</td><td class="n soft">${formatCount(field.count)}</td>${columns.map((column) =>
        html`<td class="n">${formatFieldNumber(field, column)}</td>`
      )}</tr>
    `
  );
  return section("Numbers", [
    html`
      <div class="scroll">
        <table>
          <thead>
            <tr><th>field</th><th class="wide">spread</th><th class="n">n</th>${columns.map((
              column,
            ) => html`<th class="n">${column}</th>`)}</tr>
          </thead>
          <tbody>${rows}</tbody>
        </table>
      </div>
    `,
    rest(fields.length - shown.length, "field"),
  ]);
}

function values({ values }: Analysis): Child {
  if (values.length === 0) return null;
  const shown = values.slice(0, VALUE_FIELDS_SHOWN);
  const blocks = shown.map(({ name: field, count: records, distinct, more, top }) => {
    const kinds = `${more ? "at least " : ""}${pluralize(distinct, "value")}`;
    const rows = top.slice(0, VALUES_SHOWN).map(([value, times]) => {
      const part = ratio(times, records);
      return html`
        <tr>
          <td class="text"><code>${printable(value, WORD_MAX)}</code></td>
          <td class="bar">${shareBar(part, 1, "rec")}</td>
          <td class="n">${formatShare(part)}</td>
        </tr>
      `;
    });
    return html`
      <div>
        <h3><code>${name(field)}</code> <span class="small soft">${kinds}</span></h3>
        <table>
          <tbody>${rows}</tbody>
        </table>
      </div>
    `;
  });
  return section("Values", [
    html`<div class="columns">${blocks}</div>`,
    rest(values.length - shown.length, "field"),
  ]);
}

function keywords({ keywords }: Analysis): Child {
  if (keywords.length === 0) return null;
  const words = keywords.slice(0, KEYWORDS_SHOWN).map(([word, times]) =>
    html`<span>${printable(word, WORD_MAX)} <span class="soft small">${
      formatCount(times)
    }</span></span>`
  );
  return section("Keywords", html`<p class="words">${words}</p>`);
}

function sources({ sources, cut }: Analysis): Child {
  if (sources.length === 0) return null;
  const shown = sources.slice(0, SOURCES_SHOWN);
  const rows = shown.map((source) =>
    html`
      <tr>
        <td class="text"><code>${name(source.name)}</code></td>
        <td>${source.format}</td>
        <td class="n">${pluralize(source.records, "record")}</td>
        <td class="n">${formatBytes(source.bytes)}</td>
      </tr>
    `
  );
  return section("Sources", [
    html`
      <div class="scroll">
        <table>
          <tbody>${rows}</tbody>
        </table>
      </div>
    `,
    rest(sources.length - shown.length, "source"),
    cut > 0 &&
    html`<p class="small soft">${pluralize(cut, "record")} too long, shown without their end</p>`,
  ]);
}

/** Where the report's other forms and the other reports lie; the links work in the folder of reports. */
function footer({ task, previous }: ReportModel): Markup {
  const links = [
    previous && html`<a href="../${previous.task}/report.html">previous report</a>`,
    html`<a href="../index.html">all reports</a>`,
    html`<a href="report.md">Markdown</a>`,
    html`<a href="report.json">JSON</a>`,
  ].filter((link) => link !== null);
  return html`<footer>Baton · task ${task}${links.map((link) => [" · ", link])}</footer>`;
}

function section(title: string, content: Child): Markup {
  return html`
    <section><h2>${title}</h2>
    ${content}</section>
  `;
}

function rest(more: number, noun: string): Child {
  return more > 0 && html`<p class="small soft">and ${pluralize(more, `more ${noun}`)}</p>`;
}

function chip(level: string): Markup {
  return html`<span class="chip ${level}">${level}</span>`;
}

function name(text: string): string {
  return printable(text, NAME_MAX);
}
