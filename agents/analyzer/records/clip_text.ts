// deno-lint-ignore no-control-regex -- these are the characters that it replaces
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/**
 * Returns the first `charsMax` UTF-16 units of a text, safe to store and to send. Control
 * characters other than tab and line feed become spaces; lone surrogates become U+FFFD.
 */
export function clipText(text: string, charsMax: number): string {
  return text.slice(0, charsMax).replace(CONTROL, " ").toWellFormed();
}
