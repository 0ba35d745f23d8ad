import { assertEquals } from "@std/assert";
import { cluster } from "../../../../agents/analyzer/templates/cluster.ts";
import { Dice } from "../../../harness/dice.ts";

const USERS = ["ann", "bob", "cid", "dan", "eve"];

Deno.test("cluster() masks a position that has many words in one context", () => {
  const templates = cluster(USERS.map((user) => `hello ${user} again`));
  assertEquals(new Set(templates.values()), new Set(["hello <*> again"]));
});

Deno.test("cluster() keeps two words apart: they are different events", () => {
  const texts = ["cupsd startup succeeded", "cupsd shutdown succeeded"];
  assertEquals([...cluster(texts).values()].sort(), texts.sort());
});

Deno.test("cluster() keeps the key of a value that varies", () => {
  const templates = cluster(USERS.map((user) => `denied user=${user} now`));
  assertEquals(new Set(templates.values()), new Set(["denied user=<*> now"]));
});

Deno.test("cluster() joins a text to a template that is already general", () => {
  const templates = cluster(["hello <*> again", "hello zoe again"]);
  assertEquals(templates.get("hello zoe again"), "hello <*> again");
});

Deno.test("cluster() has the same result for any order of the texts, and for its own result", () => {
  const texts = USERS.flatMap((a) => USERS.map((b) => `copy ${a} to ${b} done`));
  const first = cluster(texts);
  for (let seed = 1; seed <= 5; seed++) {
    const again = cluster(new Dice(seed).shuffled(texts));
    for (const text of texts) assertEquals(again.get(text), first.get(text));
  }
  const templates = [...new Set(first.values())];
  assertEquals(new Set(cluster([...texts, ...templates]).values()), new Set(templates));
});
