/**
 * Numbers with their units: `35ms`, `1.5 GB`, `93%`.
 *
 * @module
 */

export interface Quantity {
  /** In `unit`, whatever the text was in. */
  readonly value: number;
  readonly unit: string;
}

const MEASURE = /^([+-]?\d+(?:\.\d+)?)([A-Za-zµ%]{1,7})$/;

/** Units in lower case, the one that each is counted in, and how many of those it is. */
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

export function isUnit(word: string): boolean {
  return UNITS.has(word.toLowerCase());
}

/** Reads a number that its unit follows without a space. */
export function parseQuantity(text: string): Quantity | undefined {
  const match = MEASURE.exec(text);
  const found = match === null ? undefined : UNITS.get(match[2].toLowerCase());
  if (match === null || found === undefined) return undefined;
  const [unit, factor] = found;
  return { value: Number(match[1]) * factor, unit };
}
