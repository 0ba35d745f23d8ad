import { assertEquals } from "@std/assert";
import { TALLY_WORDS_MAX, WORDS_MAX } from "../../../../agents/analyzer/bounds.ts";
import { WordTally } from "../../../../agents/analyzer/counts/word_tally.ts";

Deno.test("WordTally.build() ranks words and keeps the most frequent", () => {
  const tally = new WordTally();
  for (let n = 0; n < WORDS_MAX; n++) tally.add(`w${n}`, 2);
  tally.add("keeper", 3);
  tally.add("keeper", 1);
  tally.add("rare", 1);
  const words = tally.build();
  assertEquals(words[0], ["keeper", 4]);
  assertEquals([words.length, words.some(([word]) => word === "rare")], [WORDS_MAX, false]);
});

Deno.test("WordTally.add() ignores new words over its limit", () => {
  const tally = new WordTally();
  for (let n = 0; n < TALLY_WORDS_MAX; n++) tally.add(`w${n}`, 1);
  tally.add("over", 9);
  tally.add("w7", 1);
  assertEquals(tally.build()[0], ["w7", 2]);
});

Deno.test("WordTally.clear() forgets every word", () => {
  const tally = new WordTally();
  tally.add("keeper", 1);
  tally.clear();
  assertEquals(tally.build(), []);
});
