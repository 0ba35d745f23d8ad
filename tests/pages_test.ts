/**
 * The pages for people name only files that exist.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { exists } from "@std/fs/exists";
import { walk } from "@std/fs/walk";

const PROJECT = new URL("../", import.meta.url).pathname;
/** Memory, programs and dependencies are not ours. */
const SKIPPED = [/\/(memory|dist|node_modules|\.git)\//];
/** A path from the root, such as `tests/layers_test.ts`, or one beside the page, in a link. */
const PATHS = /`((?:agents|lib|orchestrator|tests|\.ci|\.github)\/[\w./-]*)`|\]\(([\w./-]+)\)/g;

Deno.test("pages name only files that exist", async () => {
  const missing: string[] = [];
  let count = 0;
  for await (const { path } of walk(PROJECT, { exts: [".md"], skip: SKIPPED })) {
    for (const [, fromRoot, fromPage] of (await Deno.readTextFile(path)).matchAll(PATHS)) {
      const file = new URL(fromPage ?? PROJECT + fromRoot, `file://${path}`);
      if (!await exists(file)) missing.push(`${path}: ${fromRoot ?? fromPage}`);
      count++;
    }
  }
  assertEquals(missing, []);
  assert(count > 50, `only ${count} files are named`);
});
