/**
 * Text from outside, cut to what its place on a page holds and safe to show.
 *
 * @module
 */
import { printable } from "../../../lib/printable.ts";

const NAME_CHARS_MAX = 80;
const WORD_CHARS_MAX = 60;
const TEMPLATE_CHARS_MAX = 300;
const EXAMPLE_CHARS_MAX = 400;

/** Cuts the name of a stream, a field or a source. */
export function clipName(text: string): string {
  return printable(text, NAME_CHARS_MAX);
}

/** Cuts a keyword or a field's value. */
export function clipWord(text: string): string {
  return printable(text, WORD_CHARS_MAX);
}

/** Cuts a template. */
export function clipTemplate(text: string): string {
  return printable(text, TEMPLATE_CHARS_MAX);
}

/** Cuts an example of a template. */
export function clipExample(text: string): string {
  return printable(text, EXAMPLE_CHARS_MAX);
}
