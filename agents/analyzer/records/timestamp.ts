/**
 * Instants as logs write them.
 *
 * @module
 */

/** A timestamp that was found in a text. */
export interface Stamp {
  /** Milliseconds since 1970; a form without a zone is read as UTC. */
  readonly at: number;
  /** The position after it in the text. */
  readonly end: number;
}

/**
 * The year of forms that name none, such as syslog's: the analysis is pure, so it has no clock to
 * guess from. It is the first leap year after 1970, so that February 29th exists.
 */
export const DEFAULT_YEAR = 1972;

/** Length of the shortest form, `1:2:3`. */
const STAMP_CHARS_MIN = 5;

/** Epoch seconds from 2001 to 2039; other numbers of ten digits are no times. */
const EPOCH_S_MIN = 1_000_000_000;
const EPOCH_S_MAX = 2_200_000_000;

const MONTHS = new Map(
  ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    .map((name, index) => [name, index + 1]),
);

const CLOCK = "(\\d{1,2}):(\\d{1,2}):(\\d{1,2})(?:[.,:](\\d{1,9}))?";
const ZONE = "(?: ?(Z|UTC|GMT|[+-]\\d{2}:?\\d{2}(?!\\d)))?";
const MONTH = "(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}";

/** A way to write an instant. */
interface Form {
  readonly pattern: RegExp;
  /** The pattern's groups: y, m, d, hour, minute, second, fraction, zone. */
  readonly read: (groups: (string | undefined)[]) => number | undefined;
}

function form(pattern: string, read: Form["read"]): Form {
  return { pattern: new RegExp(`(?:${pattern})(?![\\w])`, "y"), read };
}

/** Forms that begin with a digit, in the order of trying. Every repetition is bounded. */
const DIGIT_FORMS: Form[] = [
  // 2015-07-29T17:41:44.747+02:00, 2015-07-29 17:41:44,747, 2005-06-03-15.42.50.675872
  form(
    `(\\d{4})[-/.](\\d{1,2})[-/.](\\d{1,2})[T _-](\\d{1,2})[:.](\\d{2})[:.](\\d{2})(?:[.,:](\\d{1,9}))?${ZONE}`,
    ([y, m, d, ...clock]) => instant(y, m, d, clock),
  ),
  // 20171223-22:15:29:606, 20240131T120000Z
  form(
    `(\\d{4})(\\d{2})(\\d{2})[-T _](\\d{1,2}):?(\\d{1,2}):?(\\d{1,2})(?:[.,:](\\d{1,9}))?${ZONE}`,
    ([y, m, d, ...clock]) => instant(y, m, d, clock),
  ),
  // 10/Oct/2000:13:55:36 -0700, 10-Oct-2000 13:55:36, 10 Oct 2000 13:55:36 GMT
  form(
    `(\\d{1,2})[-/ ]${MONTH}[-/ ](\\d{4})[: ]${CLOCK}${ZONE}`,
    ([d, m, y, ...clock]) => instant(y, m, d, clock),
  ),
  // 31/12/2024 10:00:00 or 12/31/2024 10:00:00: the day comes first only if it cannot be a month
  form(
    `(\\d{1,2})[-/.](\\d{1,2})[-/.](\\d{4}),?[ T:]${CLOCK}${ZONE}`,
    ([a, b, y, ...clock]) => Number(a) > 12 ? instant(y, b, a, clock) : instant(y, a, b, clock),
  ),
  // 17/06/09 20:10:40: the year is first, as Java's and Spark's short form has it
  form(
    `(\\d{2})[-/.](\\d{2})[-/.](\\d{2}) ${CLOCK}${ZONE}`,
    ([y, m, d, ...clock]) => instant(y, m, d, clock) ?? instant(d, y, m, clock),
  ),
  // 081109 203615
  form(
    "(\\d{2})(\\d{2})(\\d{2}) (\\d{2})(\\d{2})(\\d{2})",
    ([y, m, d, ...clock]) => instant(y, m, d, clock),
  ),
  // 03-17 16:13:38.811, 10.30 16:49:06
  form(`(\\d{2})[-/.](\\d{2}) ${CLOCK}`, ([m, d, ...clock]) => instant(undefined, m, d, clock)),
  // 2005.06.03
  form("(\\d{4})[-/.](\\d{2})[-/.](\\d{2})", ([y, m, d]) => instant(y, m, d, [])),
  // 1117838570, 1117838570.675, and milli-, micro- and nanoseconds
  form("(\\d{10})(\\d{9}|\\d{6}|\\d{3})?(?:\\.(\\d{1,9}))?", ([seconds, more, fraction]) => {
    const value = Number(seconds);
    if (value < EPOCH_S_MIN || value > EPOCH_S_MAX) return undefined;
    return value * 1000 + milliseconds(more ?? fraction);
  }),
  // 12:34:56.789: a time of the first day
  form(CLOCK, (clock) => instant("1970", "1", "1", clock)),
];

/** Forms that begin with a letter, in the order of trying. */
const LETTER_FORMS: Form[] = [
  // Sun Dec 04 04:47:44 2005, Sat Jul  9 12:16:49 CEST 2005, Jun 14 15:16:01
  form(
    `(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? )?${MONTH} {1,2}(\\d{1,2}),? ${CLOCK}(?: [A-Z]{3,4})?(?: (\\d{4}))?`,
    ([m, d, hour, minute, second, fraction, y]) =>
      instant(y, m, d, [hour, minute, second, fraction]),
  ),
  // Jun 14 2005 15:16:01
  form(
    `${MONTH} {1,2}(\\d{1,2}),? (\\d{4}),? ${CLOCK}${ZONE}`,
    ([m, d, y, ...clock]) => instant(y, m, d, clock),
  ),
  // Tue, 10 Oct 2000 13:55:36 GMT
  form(
    `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? (\\d{1,2}) ${MONTH} (\\d{4}) ${CLOCK}${ZONE}`,
    ([d, m, y, ...clock]) => instant(y, m, d, clock),
  ),
];

/** Reads the timestamp that begins at `position`; undefined if none does. */
export function stampAt(text: string, position: number): Stamp | undefined {
  if (text.length - position < STAMP_CHARS_MIN) return undefined;
  const code = text.charCodeAt(position);
  const forms = isDigit(code) ? DIGIT_FORMS : isUpper(code) ? LETTER_FORMS : [];
  for (const { pattern, read } of forms) {
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    if (match === null) continue;
    const at = read(match.slice(1));
    if (at !== undefined) return { at, end: pattern.lastIndex };
  }
  return undefined;
}

/** Reads a text that is nothing but a timestamp, such as a CSV cell; undefined for others. */
export function instantOf(text: string): number | undefined {
  const trimmed = text.trim();
  const stamp = stampAt(trimmed, 0);
  return stamp?.end === trimmed.length ? stamp.at : undefined;
}

/**
 * Reads an epoch number in seconds, milliseconds, microseconds or nanoseconds, which its magnitude
 * tells apart; undefined outside 2001 to 2039.
 */
export function instantOfNumber(value: number): number | undefined {
  for (const perSecond of [1, 1e3, 1e6, 1e9]) {
    const seconds = value / perSecond;
    if (seconds >= EPOCH_S_MIN && seconds <= EPOCH_S_MAX) return Math.floor(seconds * 1000);
  }
  return undefined;
}

function instant(
  y: string | undefined,
  m: string | undefined,
  d: string | undefined,
  [hour = "0", minute = "0", second = "0", fraction, zone]: (string | undefined)[],
): number | undefined {
  const month = MONTHS.get(m?.slice(0, 3).toLowerCase() ?? "") ?? Number(m);
  const day = Number(d);
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= 31)) return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined;
  const at = Date.UTC(year(y), month - 1, day, Number(hour), Number(minute), Number(second));
  return at + milliseconds(fraction) - zoneMs(zone);
}

/** Two digits up to 69 are of this century, as in POSIX `strptime`. */
function year(text: string | undefined): number {
  if (text === undefined) return DEFAULT_YEAR;
  const value = Number(text);
  return text.length > 2 ? value : value < 70 ? 2000 + value : 1900 + value;
}

function milliseconds(fraction: string | undefined): number {
  return fraction === undefined ? 0 : Math.floor(Number(`0.${fraction}`) * 1000);
}

function zoneMs(zone: string | undefined): number {
  if (zone === undefined || !/^[+-]/.test(zone)) return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
  return (zone[0] === "-" ? -minutes : minutes) * 60_000;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isUpper(code: number): boolean {
  return code >= 65 && code <= 90;
}
