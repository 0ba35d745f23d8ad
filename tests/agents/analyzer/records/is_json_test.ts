import { assertEquals } from "@std/assert";
import { isJson } from "../../../../agents/analyzer/records/is_json.ts";
import { Dice } from "../../../harness/dice.ts";

const SEED = 4627;
const CHANGES = 50_000;

const VALID = [
  '{"a":1,"b":[1,2,{"c":null}],"d":"x\\n\\u00e9\\/","e":-1.5e+10,"f":true}',
  ' { "a" : [ ] , "" : { } }\r\n\t',
  '[[],{},[[[["\ud83d"]]]],"\\ud800\u2028",-0,0.5,1E-7,false]',
  '"{"',
  "-12.5e3",
];
const BROKEN = [
  "",
  " ",
  "{",
  "{x}",
  '{"a"}',
  '{"a":1,}',
  "[1,]",
  "[,]",
  "[1}",
  "{}}",
  "01",
  "1.",
  ".1",
  "1e",
  "-",
  "+1",
  "NaN",
  "nullx",
  "1 2",
  '"a\tb"',
  '"\\x"',
  '"\\u12"',
  '"',
  "'a'",
  "\u00a01",
  "\ufeff{}",
];

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false; // the answer, not a failure
  }
}

Deno.test("isJson() accepts JSON and nothing else", () => {
  assertEquals(VALID.filter((text) => !isJson(text)), []);
  assertEquals(BROKEN.filter(isJson), []);
});

Deno.test("isJson() agrees with JSON.parse about changed JSON", () => {
  const dice = new Dice(SEED);
  const marks = [...'{}[]",:\\ \t\n01.-+eEtruu2f\u0000\u00e9/'];
  let valid = 0;
  for (let nth = 0; nth < CHANGES; nth++) {
    let text = dice.pick(VALID);
    for (let changes = 1 + dice.below(3); changes > 0; changes--) {
      const at = dice.below(text.length + 1);
      const inserted = dice.below(3) === 0 ? "" : dice.pick(marks);
      text = text.slice(0, at) + inserted + text.slice(at + dice.below(2));
    }
    const expected = parses(text);
    assertEquals(isJson(text), expected, JSON.stringify(text));
    if (expected) valid++;
  }
  assertEquals(valid > CHANGES / 20, true, `only ${valid} changes left JSON`);
});

Deno.test("isJson() accepts any depth and any length", () => {
  const deep = 200_000;
  assertEquals(isJson("[".repeat(deep) + "]".repeat(deep)), true);
  assertEquals(isJson('{"":'.repeat(deep) + "1" + "}".repeat(deep)), true);
  assertEquals(isJson("[".repeat(deep) + "]".repeat(deep - 1)), false);
  assertEquals(isJson(JSON.stringify("\n".repeat(deep))), true);
});
