import { assertEquals, assertThrows } from "@std/assert";
import { assertMove, isFinal, type State, STATES } from "../../../orchestrator/tasks/task.ts";

/** Every move that there is; all others are mistakes. */
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

Deno.test("assertMove() lets a task make the legal moves and no other", () => {
  for (const from of STATES) {
    for (const to of STATES) {
      if (LEGAL.includes(`${from} ${to}`)) assertMove(from, to);
      else assertThrows(() => assertMove(from, to), TypeError, `from ${from} to ${to}`);
    }
  }
});

Deno.test("isFinal() holds for exactly the states that nothing leaves but a retry", () => {
  const ends: State[] = STATES.filter(isFinal);
  assertEquals(ends, ["done", "dead", "cancelled"]);
});

Deno.test("every state can be left for a final one, so no task is stuck", () => {
  const reaches = (from: State, seen: State[] = []): boolean =>
    isFinal(from) ||
    STATES.some((to) =>
      !seen.includes(to) && LEGAL.includes(`${from} ${to}`) && reaches(to, [...seen, from])
    );
  assertEquals(STATES.filter((state) => !reaches(state)), []);
});
