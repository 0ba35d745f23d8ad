/**
 * Lines that consist of pairs only: `time=… level=info msg="started" port=80`.
 *
 * @module
 */
import type { Entry } from "./entry.ts";
import { entryFromFields } from "./entry_from_fields.ts";

const STARTS = /^[A-Za-z_@][\w.@-]{0,63}=/;
const NAMES_A_MESSAGE = /(?:^|\s)(?:msg|message)=/;
const PAIR = /([A-Za-z_@][\w.@-]{0,63})=(?:"((?:[^"\\]|\\.){0,4096})"|([^\s"]{0,1024}))(?:\s+|$)/y;

/**
 * Reads a message in logfmt, which must name a `msg` or `message`; undefined for any other text.
 */
export function readLogfmt(text: string): Entry | undefined {
  if (!STARTS.test(text) || !NAMES_A_MESSAGE.test(text)) return undefined;
  const pairs: [string, string][] = [];
  PAIR.lastIndex = 0;
  for (let match = PAIR.exec(text); match !== null; match = PAIR.exec(text)) {
    pairs.push([match[1], match[2]?.replace(/\\(.)/g, "$1") ?? match[3]]);
    if (PAIR.lastIndex >= text.length) return entryFromFields(pairs, text);
  }
  return undefined;
}
