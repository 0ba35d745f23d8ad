import { assertEquals } from "@std/assert";
import { collapseRepeats, joinWildcards } from "../../../../agents/analyzer/templates/wildcard.ts";

function collapse(text: string): string {
  return collapseRepeats(text.split(" ")).join(" ");
}

Deno.test("joinWildcards() joins wildcards with nothing but punctuation between them", () => {
  assertEquals(joinWildcards("a=<*>:<*>,<*><*>"), "a=<*>");
  assertEquals(joinWildcards("<*>a<*> b"), "<*>a<*> b");
});

Deno.test("collapseRepeats() leaves one of several wildcards in a row", () => {
  assertEquals(collapse("sizes <*>, <*>, <*> end"), "sizes <*> end");
});

Deno.test("collapseRepeats() leaves one of several equal groups with a wildcard", () => {
  assertEquals(collapse("got (a <*>) (a <*>) (a <*>) end"), "got (a <*>) end");
  assertEquals(collapse("bye bye bye"), "bye bye bye");
});

Deno.test("collapseRepeats() sees no group of more than eight words", () => {
  const group = (words: number) => `${"a b c d e f g h i".slice(0, 2 * words - 2)}<*>`;
  assertEquals(collapse(`${group(8)} ${group(8)}`), group(8));
  assertEquals(collapse(`${group(9)} ${group(9)}`), `${group(9)} ${group(9)}`);
});
