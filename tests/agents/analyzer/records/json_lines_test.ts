import { assert, assertEquals } from "@std/assert";
import { NAME_CHARS_MAX } from "../../../../agents/analyzer/bounds.ts";
import { readJsonLines } from "../../../../agents/analyzer/records/json_lines.ts";
import { quickestMs } from "../quickest_ms.ts";

function read(text: string): () => void {
  return () => {
    for (const _ of readJsonLines(text)) { /* only its time counts */ }
  };
}

Deno.test("readJsonLines() takes as a message what is neither object nor array", () => {
  const text = '{"a":1}\n{"a":1,}\n[1]\n\n"b"\nnull\n{ "msg" : "c" } \r\n7\n[1}\n{d';
  const entries = [...readJsonLines(text)];
  assertEquals(
    entries.map(({ message }) => message),
    [null, '{"a":1,}', null, '"b"', "null", "c", "7", "[1}", "{d"],
  );
  assertEquals(entries[0].numbers, [["a", 1]]);
});

Deno.test("readJsonLines() flattens objects to a depth of four, without arrays and nulls", () => {
  const [{ numbers }] = readJsonLines(
    '{"a":{"b":{"c":{"d":1,"e":{"f":2}}}},"list":[1,2],"none":null,"n":3}',
  );
  assertEquals(numbers, [["a.b.c.d", 1], ["n", 3]]);
});

Deno.test("readJsonLines() leaves out names over the limit and fields after the 512th", () => {
  const long = "k".repeat(NAME_CHARS_MAX);
  const [entry] = readJsonLines(`{"${long}":1,"${long}k":2,"a":{"${long}":3}}`);
  assertEquals(entry.numbers, [[long, 1]]);
  const many = Object.fromEntries(Array.from({ length: 600 }, (_, n) => [`k${n}`, n]));
  const [first] = readJsonLines(JSON.stringify(many));
  assertEquals(first.numbers.length, 512);
});

for (const broken of ["{x}", "{", '{"a', "[1}", "nothing", '"'] as const) {
  Deno.test(`readJsonLines() takes no longer over ${broken} than over JSON`, () => {
    const lines = 30_000;
    const [json, ms] = quickestMs(
      5,
      read('{"a":1,"b":"x"}\n'.repeat(lines)),
      read(`${broken}\n`.repeat(lines)),
    );
    assert(ms <= 1.5 * json, `${ms} ms, and ${json} ms over JSON`);
  });
}

Deno.test("readJsonLines() takes no longer over a long key with many values than over a long value", () => {
  const long = "k".repeat(30_000);
  const many = `{${Array.from({ length: 500 }, (_, at) => `"k${at}":${at}`).join(",")}}`;
  const [value, key] = quickestMs(
    5,
    read(`{"a":"${long}","b":${many}}\n`.repeat(8)),
    read(`{"${long}":${many}}\n`.repeat(8)),
  );
  assert(key <= 5 * value, `${key} ms, and ${value} ms over a long value`);
});
