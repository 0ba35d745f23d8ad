import { assertEquals } from "@std/assert";
import { depthOf, folderOf, matches } from "../../../../agents/collector/inbox/glob.ts";

Deno.test("matches() knows *, ? and **", () => {
  const table: [glob: string, path: string, match: boolean][] = [
    ["*.log", "a.log", true],
    ["*.log", "logs/a.log", false],
    ["a?c", "abc", true],
    ["a?c", "a/c", false],
    ["a?c", "a\u{1f600}c", true],
    ["logs/*/a.log", "logs/x/a.log", true],
    ["logs/*/a.log", "logs/a.log", false],
    ["logs/**/*.log", "logs/a.log", true],
    ["logs/**/*.log", "logs/x/y/a.log", true],
    ["logs/**/*.log", "other/a.log", false],
    ["**", "a/b/c", true],
    ["**/b/**/d", "a/b/c/b/d", true],
    ["*a*b", "xaxbxb", true],
    ["*a*b", "xaxbx", false],
    ["*ab.log", "aab.log", true],
    ["a*", "a", true],
    ["logs/**", "logs/a.log", true],
    ["a.c", "abc", false],
    ["[ab].log", "a.log", false],
  ];
  for (const [glob, path, match] of table) assertEquals(matches(glob, path), match, glob);
});

Deno.test("matches() ends on globs with very many wildcards", () => {
  assertEquals(matches("*a".repeat(100) + "b", "a".repeat(250)), false);
  assertEquals(matches("**/a/".repeat(50) + "b", "a/".repeat(120) + "c"), false);
});

Deno.test("folderOf() and depthOf() bound the walk", () => {
  assertEquals(["logs/a/*.log", "logs/a.log", "logs/a?/b.log", "*", "**/a"].map(folderOf), [
    "logs/a",
    "logs",
    "logs",
    "",
    "",
  ]);
  assertEquals(["logs/a/*.log", "*", "a/**"].map(depthOf), [3, 1, Infinity]);
});
