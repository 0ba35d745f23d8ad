import { type Analysis, LEVELS } from "../../shapes.ts";
import { describeBursts } from "../content/describe_bursts.ts";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatPeriod,
  formatShare,
  pluralize,
  ratio,
} from "../content/format.ts";
import type { ReportModel } from "../content/report_model.ts";
import { errorShare, errorsOf } from "../content/summary.ts";
import { levelsBar } from "./bars.ts";
import { clipName, clipWord } from "./clipped_text.ts";
import { swatch } from "./drawing.ts";
import { fieldsSection } from "./fields_section.ts";
import { type Child, html, joinPercentSigns, type Markup } from "./markup.ts";
import { newsSection } from "./news_section.ts";
import { page } from "./page.ts";
import { andMore, section } from "./section.ts";
import { templatesSection } from "./templates_section.ts";
import { timelineChart } from "./timeline_chart.ts";
import { valuesSection } from "./values_section.ts";

/** Bytes of the largest page: rows and texts are limited, here and in the sections' files. */
export const HTML_BYTES_MAX = 1024 * 1024;

const BURSTS_MAX = 10;
const KEYWORDS_MAX = 60;
const SOURCES_MAX = 30;

/** Writes a report as a page that stands alone, with drawings; what is new stands at the top. */
export function renderReportPage(model: ReportModel): string {
  const { analysis } = model;
  return page(`${clipName(analysis.stream)}, run ${formatCount(analysis.run)}`, [
    heading(model),
    newsSection(analysis),
    tiles(model),
    timelineSection(analysis),
    levelsSection(analysis),
    templatesSection(analysis),
    fieldsSection(analysis),
    valuesSection(analysis),
    keywordsSection(analysis),
    sourcesSection(analysis),
    footer(model),
  ]);
}

function heading({ analysis, headline }: ReportModel): Markup {
  const { stream, run, from, to } = analysis;
  const length = from !== null && to !== null && to > from ? ` (${formatDuration(to - from)})` : "";
  return html`
    <header>
      <p class="over">Report · run ${formatCount(run)}</p>
      <h1>${clipName(stream)}</h1>
      <p class="headline">${joinPercentSigns(headline)}</p>
      <p class="soft">${formatPeriod(from, to)}${length}</p>
    </header>
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

function timelineSection({ timeline, bursts }: Analysis): Child {
  if (!timeline || timeline.points.length === 0) return null;
  const descriptions = describeBursts(bursts, timeline.step_ms);
  const lines = descriptions.slice(0, BURSTS_MAX).map((text) => html`<li>${text}</li>`);
  return section("Timeline", [
    timelineChart(timeline, bursts),
    lines.length > 0 && html`<ul class="small">${lines}</ul>`,
    andMore(descriptions.length - lines.length, "burst"),
  ]);
}

function levelsSection(analysis: Analysis): Child {
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

function keywordsSection({ keywords }: Analysis): Child {
  if (keywords.length === 0) return null;
  const words = keywords.slice(0, KEYWORDS_MAX).map(([word, times]) =>
    html`<span>${clipWord(word)} <span class="soft small">${formatCount(times)}</span></span>`
  );
  return section("Keywords", html`<p class="words">${words}</p>`);
}

function sourcesSection({ sources, cut }: Analysis): Child {
  if (sources.length === 0) return null;
  const rows = sources.slice(0, SOURCES_MAX).map((source) =>
    html`
      <tr>
        <td class="text"><code>${clipName(source.name)}</code></td>
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
    andMore(sources.length - rows.length, "source"),
    cut > 0 &&
    html`<p class="small soft">${pluralize(cut, "record")} too long, shown without their end</p>`,
  ]);
}

/** Links to other forms and other reports, relative to the report's folder. */
function footer({ task, previous }: ReportModel): Markup {
  const links = [
    previous && html`<a href="../${previous.task}/report.html">previous report</a>`,
    html`<a href="../index.html">all reports</a>`,
    html`<a href="report.md">Markdown</a>`,
    html`<a href="report.json">JSON</a>`,
  ].filter((link) => link !== null);
  return html`<footer>Baton · task ${task}${links.map((link) => [" · ", link])}</footer>`;
}
