import { assertEquals, assertThrows } from "@std/assert";
import { CodedError } from "../../../lib/errors.ts";
import { AnswerBudget } from "../../../orchestrator/run/answer_budget.ts";

const MIB = 1024 * 1024;

function assertRejected(reserve: () => void, code: "busy" | "bad_output"): void {
  assertEquals(assertThrows(reserve, CodedError).code, code);
}

Deno.test("reserve() grants a task 32 MiB, and not a byte more", () => {
  const budget = new AnswerBudget();
  budget.begin("a", 0);
  budget.reserve("a", 32 * MIB);
  assertRejected(() => budget.reserve("a", 1), "bad_output");
  budget.release("a", 1);
  budget.reserve("a", 1);
});

Deno.test("reserve() grants all tasks 64 MiB, and the task that began first its own part beyond that", () => {
  const budget = new AnswerBudget();
  for (const [task, bytes] of [["a", 4], ["b", 28], ["c", 32]] as const) {
    budget.begin(task, 0);
    budget.reserve(task, bytes * MIB);
  }
  assertRejected(() => budget.reserve("b", 1), "busy");
  budget.reserve("a", 28 * MIB);
  assertRejected(() => budget.reserve("b", 1), "busy");
  budget.end("a");
  budget.reserve("b", 4 * MIB);
});

Deno.test("begin() counts what a task has in memory already, until its end()", () => {
  const budget = new AnswerBudget();
  budget.begin("a", 100 * MIB);
  budget.begin("b", 0);
  assertRejected(() => budget.reserve("b", 1), "busy");
  assertRejected(() => budget.reserve("a", 1), "bad_output");
  budget.end("a");
  budget.begin("c", 0);
  for (const task of ["b", "c"]) budget.reserve(task, 32 * MIB);
});
