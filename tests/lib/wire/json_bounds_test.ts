import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { assertJsonBounds } from "../../../lib/wire/json_bounds.ts";
import { LimitError } from "../../../lib/wire/limits.ts";

const BOUNDS = { depth: 64, nodes: 1_000_000 };

/** Returns the limit that a line breaks; `undefined` if it is within its bounds. */
function brokenBy(line: string, bounds = BOUNDS): string | undefined {
  try {
    assertJsonBounds(new TextEncoder().encode(line), bounds);
  } catch (error) {
    const { limit, code } = error as LimitError;
    assertEquals(code, "bad_json");
    return limit;
  }
}

Deno.test("assertJsonBounds() allows a depth of 64 and no more", () => {
  for (const [open, close] of [["[", "]"], ['{"a":', "}"], ['[{"a":', "}]"]]) {
    const levels = open.length === 6 ? 2 : 1;
    const nested = (depth: number): string =>
      open.repeat(depth / levels) + "1" + close.repeat(depth / levels);
    assertEquals([brokenBy(nested(64)), brokenBy(nested(64 + levels))], [undefined, "depth"], open);
  }
  for (const one of ["[]", "{}"]) assertEquals(brokenBy(`[${Array(65).fill(one)}]`), undefined);
});

Deno.test("assertJsonBounds() refuses 100,000 brackets and names the limit", () => {
  const line = new TextEncoder().encode("[".repeat(100_000));
  const { message } = assertThrows(() => assertJsonBounds(line, BOUNDS), LimitError);
  assertMatch(message, /nested deeper than 64/);
});

Deno.test("assertJsonBounds() counts no brackets inside strings, whatever is escaped in them", () => {
  const many = "[{".repeat(1_000);
  for (const text of [many, `"${many}`, `\\${many}`, `\\"${many}`, `\\\\"${many}`, `${many}\\`]) {
    assertEquals(brokenBy(JSON.stringify({ [text]: text })), undefined, text.slice(0, 10));
  }
});

Deno.test("assertJsonBounds() counts brackets after a string that ends in backslashes", () => {
  const deep = "[".repeat(70) + "]".repeat(70);
  for (const text of ["\\", "\\\\", '\\"', '"', ""]) {
    assertEquals(brokenBy(`{"s":${JSON.stringify(text)},"a":${deep}}`), "depth", text);
  }
});

Deno.test("assertJsonBounds() counts keys and values up to its limit", () => {
  const bounds = { depth: 64, nodes: 10 };
  assertEquals(brokenBy(`[${Array(10).fill("1")}]`, bounds), undefined);
  assertEquals(brokenBy(`[${Array(11).fill("1")}]`, bounds), "nodes");
  assertEquals(brokenBy(`[${Array(5).fill('{"a":1}')}]`, bounds), "nodes");
  assertEquals(brokenBy('{"a,b:c,d:e,f":",,,,,,,,,,,,,"}', bounds), undefined);
});

Deno.test("assertJsonBounds() refuses strings of digits that collide in V8's hash table", () => {
  const strings = (step: number, count: number, from = step, sign = ""): string =>
    `[${Array.from({ length: count }, (_, n) => `"${sign}${from + n * step}"`)}]`;
  assertEquals(brokenBy(strings(65_536, 128)), undefined);
  assertEquals(brokenBy(strings(65_536, 129)), "nodes");
  assertEquals(brokenBy(strings(16_384, 250_000)), "nodes");
  assertEquals(brokenBy(strings(65_536, 129, 4_000_000_000)), "nodes");
  assertEquals(brokenBy(strings(65_536, 129, 40_000_000_000)), undefined, "no index of an array");
  for (const sign of ["-", "n"]) {
    assertEquals(brokenBy(strings(65_536, 129, 1_000_000, sign)), undefined, sign);
  }
  // Many that are the same, or come as people have them: minutes, places in a file, keys.
  for (const [step, from] of [[1, 0], [60, 1_700_000_000], [1_000, 0], [3_600, 0]]) {
    assertEquals(brokenBy(strings(step, 200_000, from)), undefined, String(step));
  }
  assertEquals(brokenBy(`[${Array(200_000).fill('"65536"')}]`), undefined);
});

Deno.test("assertJsonBounds() and JSON.parse() take no longer for strings of digits that collide", () => {
  const msOf = (values: number[]): number => {
    const text = `[${values.map((value) => `"${value}"`)}]`;
    const begun = performance.now();
    assertEquals(brokenBy(text), undefined);
    JSON.parse(text);
    return performance.now() - begun;
  };
  const alike = Array.from({ length: 131_072 }, (_, n) => numberOfHash(n * 32_768))
    .filter((value) => value < 2 ** 31); // beyond, V8 hashes otherwise
  const usual = Math.min(...[1, 2, 3].map((step) => msOf(alike.map((_, n) => n * step * 1_000))));
  const ms = msOf(alike);
  assert(ms < 20 * usual, `${ms} ms, and ${usual} ms over as many others`);
});

/** The number that V8's `ComputeUnseededHash()` makes this of, each of its steps taken back. */
function numberOfHash(hash: number): number {
  let value = hash ^ (hash >>> 16);
  value = Math.imul(value, 0xc8de_0639); // times 2057 is 1
  for (let shift = 4; shift < 32; shift *= 2) value ^= value >>> shift;
  value = Math.imul(value, 0xcccc_cccd); // times 5 is 1
  for (let shift = 12; shift < 32; shift *= 2) value ^= value >>> shift;
  return Math.imul(value + 1, 0xbfff_7fff) >>> 0; // times 32767 is 1
}
