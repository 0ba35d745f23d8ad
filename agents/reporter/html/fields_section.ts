import type { Analysis } from "../../shapes.ts";
import { formatCount, formatFieldNumber } from "../content/format.ts";
import { boxPlot } from "./box_plot.ts";
import { clipName } from "./clipped_text.ts";
import { type Child, html } from "./markup.ts";
import { andMore, section } from "./section.ts";

const FIELDS_MAX = 40;

/** Makes the table of numeric fields with a box plot of each; null if there are none. */
export function fieldsSection({ fields }: Analysis): Child {
  if (fields.length === 0) return null;
  const columns = ["min", "p50", "p90", "p99", "max"] as const;
  const rows = fields.slice(0, FIELDS_MAX).map((field) =>
    html`
      <tr><td><code>${clipName(field.name)}</code></td><td class="wide">${boxPlot(
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
    andMore(fields.length - rows.length, "field"),
  ]);
}
