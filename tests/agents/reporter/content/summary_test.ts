import { assertEquals } from "@std/assert";
import {
  errorShare,
  errorsOf,
  summarize,
  Summary,
} from "../../../../agents/reporter/content/summary.ts";
import { analysis, START } from "../sample.ts";

Deno.test("summarize() keeps what the index and the next report need", () => {
  assertEquals(Summary.parse(summarize(analysis(), "t7", "A headline")), {
    task: "t7",
    stream: "shop/nginx",
    run: 3,
    headline: "A headline",
    records: 12_340,
    bytes: 1_234_567,
    errors: 148,
    templates: 2,
    to: START + 3_600_000,
  });
});

Deno.test("errorsOf() counts errors and fatal errors, up to the largest exact number", () => {
  assertEquals(errorsOf({ levels: { error: 3, fatal: 2, warn: 9 } }), 5);
  assertEquals(errorsOf({ levels: { info: 1 } }), 0);
  const most = Number.MAX_SAFE_INTEGER;
  assertEquals(errorsOf({ levels: { error: most, fatal: most } }), most);
});

Deno.test("errorsOf() is null if no record states a level", () => {
  assertEquals(errorsOf({ levels: { none: 12 } }), null);
  assertEquals(errorsOf({ levels: {} }), null);
});

Deno.test("errorShare() is a share of all records, or null", () => {
  assertEquals(errorShare({ errors: 3, records: 12 }), 0.25);
  assertEquals(errorShare({ errors: 0, records: 0 }), 0);
  assertEquals(errorShare({ errors: null, records: 12 }), null);
});
