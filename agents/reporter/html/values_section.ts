import type { Analysis } from "../../shapes.ts";
import { formatShare, pluralize, ratio } from "../content/format.ts";
import { shareBar } from "./bars.ts";
import { clipName, clipWord } from "./clipped_text.ts";
import { type Child, html } from "./markup.ts";
import { andMore, section } from "./section.ts";

const FIELDS_MAX = 20;
const VALUES_MAX = 8;

/** Makes a block for each field that holds words, with its top values; null if there are none. */
export function valuesSection({ values }: Analysis): Child {
  if (values.length === 0) return null;
  const blocks = values.slice(0, FIELDS_MAX).map(
    ({ name: field, count: records, distinct, more, top }) => {
      const kinds = `${more ? "at least " : ""}${pluralize(distinct, "value")}`;
      const rows = top.slice(0, VALUES_MAX).map(([value, times]) => {
        const share = ratio(times, records);
        return html`
          <tr>
            <td class="text"><code>${clipWord(value)}</code></td>
            <td class="bar">${shareBar(share, 1, "rec")}</td>
            <td class="n">${formatShare(share)}</td>
          </tr>
        `;
      });
      return html`
        <div>
          <h3><code>${clipName(field)}</code> <span class="small soft">${kinds}</span></h3>
          <table>
            <tbody>${rows}</tbody>
          </table>
        </div>
      `;
    },
  );
  return section("Values", [
    html`<div class="columns">${blocks}</div>`,
    andMore(values.length - blocks.length, "field"),
  ]);
}
