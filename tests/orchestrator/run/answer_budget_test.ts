import { assertThrows } from "@std/assert";
import { CodedError } from "../../../lib/errors.ts";
import { AnswerBudget } from "../../../orchestrator/run/answer_budget.ts";

const MIB = 1024 * 1024;

function assertRefuses(take: () => void, code: string): void {
  assertThrows(take, CodedError, code === "busy" ? "other tasks" : "more than 33554432");
}

Deno.test("a task may hold 32 MiB, and not a byte more", () => {
  const room = new AnswerBudget();
  room.begin("a", 0);
  room.reserve("a", 32 * MIB);
  assertRefuses(() => room.reserve("a", 1), "bad_output");
  room.release("a", 1);
  room.reserve("a", 1);
});

Deno.test("all tasks may hold 64 MiB, and the one that began first goes on beyond", () => {
  const room = new AnswerBudget();
  for (const [task, bytes] of [["a", 4], ["b", 28], ["c", 32]] as const) {
    room.begin(task, 0);
    room.reserve(task, bytes * MIB);
  }
  assertRefuses(() => room.reserve("b", 1), "busy");
  room.reserve("a", 28 * MIB);
  assertRefuses(() => room.reserve("b", 1), "busy");
  room.end("a");
  room.reserve("b", 4 * MIB);
});

Deno.test("what a task brings with it is held, and gone with it", () => {
  const room = new AnswerBudget();
  room.begin("a", 100 * MIB);
  room.begin("b", 0);
  assertRefuses(() => room.reserve("b", 1), "busy");
  assertRefuses(() => room.reserve("a", 1), "bad_output");
  room.end("a");
  room.begin("c", 0);
  for (const task of ["b", "c"]) room.reserve(task, 32 * MIB);
});
