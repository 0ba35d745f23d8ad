import { assertEquals, assertThrows } from "@std/assert";
import { assertMove, isFinal, type State, STATES } from "../../../orchestrator/tasks/task.ts";

/** Every legal move. */
const LEGAL = `
  queued     -> running, cancelling, cancelled
  running    -> running, retry_wait, cancelling, done, dead
  retry_wait -> running, retry_wait, cancelling, done, dead
  cancelling -> cancelling, cancelled, done, dead
  dead       -> queued
  cancelled  -> queued
`.trim().split("\n").flatMap((line) => {
  const [from, to] = line.split("->");
  return to.split(",").map((state) => `${from.trim()} ${state.trim()}`);
});

Deno.test("assertMove() allows the legal moves and no others", () => {
  for (const from of STATES) {
    for (const to of STATES) {
      if (LEGAL.includes(`${from} ${to}`)) assertMove(from, to);
      else assertThrows(() => assertMove(from, to), TypeError, `from ${from} to ${to}`);
    }
  }
});

Deno.test("isFinal() is true of exactly the states that only a retry leaves", () => {
  const ends: State[] = STATES.filter(isFinal);
  assertEquals(ends, ["done", "dead", "cancelled"]);
});

Deno.test("assertMove() leaves each state a way to a final one", () => {
  const reaches = (from: State, seen: State[] = []): boolean =>
    isFinal(from) ||
    STATES.some((to) =>
      !seen.includes(to) && LEGAL.includes(`${from} ${to}`) && reaches(to, [...seen, from])
    );
  assertEquals(STATES.filter((state) => !reaches(state)), []);
});
