/**
 * Texts that are safe to hand on: bounded, well-formed, without control characters.
 *
 * @module
 */
import { WILDCARD } from "./mask.ts";
import { TEMPLATE_CHARS_MAX } from "../bounds.ts";

// deno-lint-ignore no-control-regex -- these are what it takes out
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** The front of a text; control characters but tabs and line feeds become spaces. */
export function clip(text: string, chars: number): string {
  return text.slice(0, chars).replace(CONTROL, " ").toWellFormed();
}

/** A masked message as a template: one that is too long ends in a wildcard. */
export function clipTemplate(masked: string): string {
  if (masked.length <= TEMPLATE_CHARS_MAX) return clip(masked, TEMPLATE_CHARS_MAX);
  const front = masked.slice(0, TEMPLATE_CHARS_MAX - WILDCARD.length - 1);
  const space = front.lastIndexOf(" ");
  return clip(`${space > 0 ? front.slice(0, space) : front} ${WILDCARD}`, TEMPLATE_CHARS_MAX);
}

const encoder = new TextEncoder();

/** Takes items from the front while their number and their bytes as JSON allow. */
export function takeWithin<T>(items: readonly T[], count: number, bytes: number): T[] {
  const taken: T[] = [];
  let used = 0;
  for (const item of items) {
    // One more byte is the comma.
    used += encoder.encode(JSON.stringify(item)).length + 1;
    if (taken.length === count || used > bytes) break;
    taken.push(item);
  }
  return taken;
}

/** Compares by UTF-16 units: the same everywhere, whatever the locale. */
export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
