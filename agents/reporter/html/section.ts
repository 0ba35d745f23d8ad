/**
 * What the sections of a report have in common.
 *
 * @module
 */
import { pluralize } from "../content/format.ts";
import { type Child, html, type Markup } from "./markup.ts";

/** Makes a section with a heading. */
export function section(title: string, content: Child): Markup {
  return html`
    <section><h2>${title}</h2>
    ${content}</section>
  `;
}

/** Makes the line that says how many rows are left out; false if there are none. */
export function andMore(more: number, noun: string): Child {
  return more > 0 && html`<p class="small soft">and ${pluralize(more, `more ${noun}`)}</p>`;
}

/** Makes the label of a level. */
export function chip(level: string): Markup {
  return html`<span class="chip ${level}">${level}</span>`;
}
