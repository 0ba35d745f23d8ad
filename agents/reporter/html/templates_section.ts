import type { Analysis, Template } from "../../shapes.ts";
import { formatCount, formatShare, pluralize, ratio } from "../content/format.ts";
import { shareBar } from "./bars.ts";
import { clipExample, clipTemplate } from "./clipped_text.ts";
import { type Child, html, type Markup } from "./markup.ts";
import { andMore, chip, section } from "./section.ts";

/** Templates on the page. */
const TEMPLATES_MAX = 50;
/** Templates that are visible at first; the others unfold. */
const TEMPLATES_VISIBLE = 15;

/** Makes the table of templates, the most frequent first; null if there are none. */
export function templatesSection({ templates, templates_dropped, records }: Analysis): Child {
  if (templates.length === 0) return null;
  const highest = templates.reduce((max, { count }) => Math.max(max, count), 0);
  const rows = templates.slice(0, TEMPLATES_MAX).map((template) =>
    templateRow(template, highest, records)
  );
  const hiddenRecords = templates.slice(TEMPLATES_VISIBLE).reduce(
    (sum, { count }) => sum + count,
    0,
  );
  const more = templates.length - TEMPLATES_VISIBLE;
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
        <tbody>${rows.slice(0, TEMPLATES_VISIBLE)}</tbody>
      </table>
    `,
    more > 0 &&
    html`
      <details class="more">
        <summary>${pluralize(more, "more template")} with ${pluralize(
          hiddenRecords,
          "record",
        )}</summary>
        <table class="flow">
          <tbody>${rows.slice(TEMPLATES_VISIBLE)}</tbody>
        </table>
        ${andMore(templates.length - rows.length, "template")}
      </details>
    `,
    templates_dropped > 0 &&
    html`<p class="small soft">${
      pluralize(templates_dropped, "record")
    } of rare templates left out</p>`,
  ]);
}

function templateRow(template: Template, highest: number, records: number): Markup {
  const { level, status, text, example } = template;
  const isError = level === "error" || level === "fatal";
  const mark = status === "new" && [html`<span class="chip new">new</span>`, " "];
  return html`
    <tr>
      <td class="n">${formatCount(template.count)}</td>
      <td class="n soft">${formatShare(ratio(template.count, records))}</td>
      <td class="bar">${shareBar(
        ratio(template.count, records),
        ratio(highest, records),
        isError ? "err" : "rec",
      )}</td>
      <td>${level !== "none" && chip(level)}</td>
      <td class="text">${withExample(text, example, mark)}</td>
    </tr>
  `;
}

/** The template; if the example differs, it unfolds on request. */
function withExample(text: string, example: string, mark: Child): Markup {
  const code = html`${mark}<code>${clipTemplate(text)}</code>`;
  if (example === text) return html`<div>${code}</div>`;
  return html`
    <details>
      <summary>${code}</summary>
      <p><code>${clipExample(example)}</code></p>
    </details>
  `;
}
