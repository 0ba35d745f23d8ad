import type { Analysis } from "../../shapes.ts";
import { type ChangeGroup, type ChangeItem, describeChanges } from "../content/describe_changes.ts";
import { formatCount } from "../content/format.ts";
import { clipExample, clipTemplate } from "./clipped_text.ts";
import { html, joinPercentSigns, type Markup } from "./markup.ts";
import { chip } from "./section.ts";

const ITEMS_MAX = 30;

/** Makes the section that says what is new since the stream's last run; it stands at the top. */
export function newsSection(analysis: Analysis): Markup {
  if (analysis.run === 1) {
    return html`
      <section class="news">
        <h2>What is new</h2>
        <p>First run of this stream: this is the baseline that later runs are compared with.</p>
      </section>
    `;
  }
  const groups = describeChanges(analysis, ITEMS_MAX);
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

function newsGroup({ title, items, more }: ChangeGroup): Markup {
  return html`
    <h3>${title}</h3>
    <ul class="columns">${items.map(newsItem)}${more > 0 &&
      html`<li class="soft">and ${formatCount(more)} more</li>`}</ul>
  `;
}

function newsItem({ subject, level, words, example }: ChangeItem): Markup {
  const severity = level && level !== "none" && [chip(level), " "];
  const exampleText = example && example !== subject && clipExample(example);
  return html`
    <li>
      <code>${clipTemplate(subject)}</code>
      <div class="small soft">${severity}${joinPercentSigns(words)}</div>
      ${exampleText && html`<div class="example"><code>${exampleText}</code></div>`}
    </li>
  `;
}
