import { assertEquals } from "@std/assert";
import { isProse, keywordsOf } from "../../../../agents/analyzer/records/prose.ts";

function entryOf(message: string | null) {
  return { at: null, level: "none", message, raw: message ?? "", numbers: [], values: [] } as const;
}

Deno.test("isProse() takes sentences, and no short or technical lines", () => {
  assertEquals(isProse(entryOf("The keeper's lamp burned “all night”.")), true);
  assertEquals(isProse(entryOf("Three words only")), false);
  assertEquals(isProse(entryOf("open /var/log/a.log failed with errno=2 again")), false);
  assertEquals(isProse(entryOf(null)), false);
});

Deno.test("isProse() takes no record with a time or a level", () => {
  const entry = entryOf("The keeper lit the lamp again");
  assertEquals(isProse(entry), true);
  assertEquals(isProse({ ...entry, at: 0 }), false);
  assertEquals(isProse({ ...entry, level: "info" }), false);
});

Deno.test("keywordsOf() drops stop words, short words and long ones", () => {
  const text = `The Lighthouse is on the pier, und der Leuchtturm auch: ${"x".repeat(33)}`;
  assertEquals(keywordsOf(text), ["lighthouse", "pier", "leuchtturm"]);
});
