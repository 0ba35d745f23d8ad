/**
 * The times in a log line's header.
 *
 * @module
 */
import { type Stamp, stampAt } from "./timestamp.ts";
import { isColumn, skipGap, tokenAt } from "./tokens.ts";

/** Tokens before the first time. */
const TOKENS_BEFORE_MAX = 6;
/** Tokens that are tried as the start of a further time. */
const LATER_TOKENS_MAX = 3;

/** Finds the first time of a line, its brackets included; the tokens before it must be columns. */
export function firstTime(text: string, from: number): Stamp | undefined {
  let position = from;
  for (let tokens = 0; tokens <= TOKENS_BEFORE_MAX; tokens++) {
    position = skipGap(text, position);
    const stamp = bracketedStamp(text, position);
    if (stamp !== undefined) return stamp;
    const token = tokenAt(text, position);
    if (token === undefined) return undefined;
    // An access log has its user's name before the bracketed time.
    const beforeBracket = text.startsWith(" [", position + token.length);
    if (!isColumn(token) && !beforeBracket) return undefined;
    position += token.length;
  }
  return undefined;
}

/** The end of a further time that begins at `position` or after at most two columns. */
export function laterTimeEnd(text: string, position: number): number | undefined {
  for (let tokens = 0; tokens < LATER_TOKENS_MAX; tokens++) {
    const stamp = bracketedStamp(text, position);
    if (stamp !== undefined) return stamp.end;
    const token = tokenAt(text, position);
    if (token === undefined || !isColumn(token) || /[:=]$/.test(token)) return undefined;
    position = skipGap(text, position + token.length);
  }
  return undefined;
}

/** A time with the brackets around it and the comma or colon after it. */
function bracketedStamp(text: string, position: number): Stamp | undefined {
  const bracket = text[position] === "[" || text[position] === "(";
  const stamp = stampAt(text, bracket ? position + 1 : position);
  if (stamp === undefined) return undefined;
  const close = bracket && /[\])]/.test(text[stamp.end] ?? "") ? 1 : 0;
  const comma = text[stamp.end + close] === "," || text[stamp.end + close] === ":" ? 1 : 0;
  return { at: stamp.at, end: stamp.end + close + comma };
}
