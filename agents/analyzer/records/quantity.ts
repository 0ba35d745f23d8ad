/**
 * Numbers with their units: `35ms`, `1.5 GB`, `93%`.
 *
 * @module
 */

/** A number with its unit. */
export interface Quantity {
  readonly value: number;
  /** `ms`, `bytes` or `percent`, whatever unit the text had. */
  readonly unit: string;
}

const QUANTITY = /^([+-]?\d+(?:\.\d+)?)([A-Za-zµ%]{1,7})$/;

/** Units in lower case, each with the unit that it is converted to and the factor. */
const UNITS = new Map<string, [unit: string, factor: number]>([
  ["ns", ["ms", 1e-6]],
  ["us", ["ms", 1e-3]],
  ["µs", ["ms", 1e-3]],
  ["ms", ["ms", 1]],
  ["s", ["ms", 1e3]],
  ["sec", ["ms", 1e3]],
  ["secs", ["ms", 1e3]],
  ["seconds", ["ms", 1e3]],
  ["b", ["bytes", 1]],
  ["bytes", ["bytes", 1]],
  ["kb", ["bytes", 1024]],
  ["kib", ["bytes", 1024]],
  ["mb", ["bytes", 1024 ** 2]],
  ["mib", ["bytes", 1024 ** 2]],
  ["gb", ["bytes", 1024 ** 3]],
  ["gib", ["bytes", 1024 ** 3]],
  ["%", ["percent", 1]],
]);

/** Whether a word is a unit, in any case. */
export function isUnit(word: string): boolean {
  return UNITS.has(word.toLowerCase());
}

/** Reads a number with its unit, without a space between them; undefined for any other text. */
export function parseQuantity(text: string): Quantity | undefined {
  const match = QUANTITY.exec(text);
  if (match === null) return undefined;
  const conversion = UNITS.get(match[2].toLowerCase());
  if (conversion === undefined) return undefined;
  const [unit, factor] = conversion;
  return { value: Number(match[1]) * factor, unit };
}
