import { assertEquals, assertMatch } from "@std/assert";
import type { Ran } from "./site.ts";

/** Asserts that a command has failed with one line on stderr that says why, and no output. */
export function assertRefused({ code, out, err }: Ran, expected: number, why: RegExp): void {
  assertEquals([code, out], [expected, ""], err);
  assertEquals(err.split("\n").length, 2, err);
  assertMatch(err, /^orchestrator: /);
  assertMatch(err, why);
}
