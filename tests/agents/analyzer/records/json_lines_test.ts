import { assert, assertEquals } from "@std/assert";
import { readJsonLines } from "../../../../agents/analyzer/records/json_lines.ts";

/** How often each is timed; the quickest counts, whatever else the machine does. */
const ROUNDS = 5;

/** The quickest time in which a text is read, in milliseconds. */
function msOf(text: string): number {
  return Math.min(...Array.from({ length: ROUNDS }, () => {
    const begun = performance.now();
    for (const _ of readJsonLines(text)) { /* its time alone counts */ }
    return performance.now() - begun;
  }));
}

Deno.test("readJsonLines() keeps as messages what is neither object nor array", () => {
  const text = '{"a":1}\n{"a":1,}\n[1]\n\n"b"\nnull\n{ "msg" : "c" } \r\n7\n[1}\n{d';
  const entries = [...readJsonLines(text)];
  assertEquals(
    entries.map(({ message }) => message),
    [null, '{"a":1,}', null, '"b"', "null", "c", "7", "[1}", "{d"],
  );
  assertEquals(entries[0].numbers, [["a", 1]]);
});

for (const broken of ["{x}", "{", '{"a', "[1}", "nothing", '"'] as const) {
  Deno.test(`readJsonLines() takes no longer over ${broken} than over JSON`, () => {
    const lines = 30_000;
    const whole = msOf('{"a":1,"b":"x"}\n'.repeat(lines));
    const ms = msOf(`${broken}\n`.repeat(lines));
    assert(ms <= 1.5 * whole, `${ms} ms, and ${whole} ms over JSON`);
  });
}

Deno.test("readJsonLines() takes no longer over a long key with many values than over a long value", () => {
  const long = "k".repeat(30_000);
  const many = `{${Array.from({ length: 500 }, (_, at) => `"k${at}":${at}`).join(",")}}`;
  const value = msOf(`{"a":"${long}","b":${many}}\n`.repeat(8));
  const key = msOf(`{"${long}":${many}}\n`.repeat(8));
  assert(key <= 5 * value, `${key} ms, and ${value} ms over a long value`);
});
