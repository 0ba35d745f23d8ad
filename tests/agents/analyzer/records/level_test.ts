import { assertEquals } from "@std/assert";
import {
  levelOf,
  levelOfLetter,
  levelOfNumber,
  moreSevere,
} from "../../../../agents/analyzer/records/level.ts";

Deno.test("levelOf() knows the words for levels in any case, and no others", () => {
  const levels = ["Emergency", "SEVERE", "warning", "Notice", "FINE", "finest"].map(levelOf);
  assertEquals(levels, ["fatal", "error", "warn", "info", "debug", "trace"]);
  const others = ["errors", "none", "", "informational ", "constructor"].map(levelOf);
  assertEquals(others, others.map(() => undefined));
  assertEquals(levelOf("informational"), "info", "the longest word");
});

Deno.test("levelOfLetter() knows capital letters only", () => {
  const levels = ["F", "E", "W", "I", "D", "V", "T"].map(levelOfLetter);
  assertEquals(levels, ["fatal", "error", "warn", "info", "debug", "trace", "trace"]);
  assertEquals(["e", "X", ""].map(levelOfLetter), [undefined, undefined, undefined]);
});

Deno.test("levelOfNumber() reads levels of syslog and of pino", () => {
  assertEquals([0, 2, 3, 4, 5, 6, 7].map(levelOfNumber), [
    "fatal",
    "fatal",
    "error",
    "warn",
    "info",
    "info",
    "debug",
  ]);
  assertEquals([10, 29, 30, 40, 50, 69].map(levelOfNumber), [
    "trace",
    "debug",
    "info",
    "warn",
    "error",
    "fatal",
  ]);
  assertEquals([-1, 8, 70, NaN].map(levelOfNumber), [undefined, undefined, undefined, undefined]);
});

Deno.test("moreSevere() takes the worse of two levels in either order", () => {
  assertEquals(moreSevere("info", "error"), "error");
  assertEquals(moreSevere("error", "info"), "error");
  assertEquals(moreSevere("none", "trace"), "trace");
});
