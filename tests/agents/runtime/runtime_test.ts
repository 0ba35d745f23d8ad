import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { z } from "zod";
import { type Context, type Op, op } from "../../../agents/define.ts";
import { CodedError } from "../../../lib/errors.ts";
import type { Json, JsonObject } from "../../../lib/json.ts";
import { FaultyDisk, systemError } from "../../lib/disk/faulty_disk.ts";
import { within } from "../../harness/waiting.ts";
import { Gate } from "../../harness/gate.ts";
import { RuntimeHarness } from "./runtime_harness.ts";

const Anything = z.looseObject({}) as unknown as z.ZodType<JsonObject>;

/** An op that takes and returns any object. */
function any(
  handle: (input: JsonObject, context: Context) => JsonObject | Promise<JsonObject>,
  more: Partial<Op<JsonObject, JsonObject>> = {},
): Op {
  return op<JsonObject, JsonObject>({ input: Anything, output: Anything, handle, ...more });
}

async function rejection(promise: Promise<unknown>): Promise<CodedError> {
  const error = await assertRejects(() => promise);
  assertInstanceOf(error, CodedError);
  return error;
}

const turn = (): Promise<void> => new Promise((next) => setTimeout(next));

Deno.test("answer() passes input and task to the handler, and returns its output", async () => {
  await using harness = await RuntimeHarness.make({
    greet: any((input, { task }) => ({ ...input, task })),
  });
  const reply = await harness.ask("greet", { a: 1 }, { id: "task-1.collect.2" });
  assertEquals(reply, { a: 1, task: "task-1" });
});

Deno.test("answer() runs one handler at a time, in the order of the requests", async () => {
  const gates = [new Gate(), new Gate()];
  const events: string[] = [];
  await using harness = await RuntimeHarness.make({
    work: any(async ({ at }) => {
      events.push(`begin ${at}`);
      await gates[Number(at)].pass();
      events.push(`end ${at}`);
      return {};
    }),
  });
  const answers = [harness.ask("work", { at: 0 })];
  await gates[0].reached;
  answers.push(harness.ask("work", { at: 1 }));
  while (harness.runtime.inFlight < 2) await turn();
  await turn();
  assertEquals(events, ["begin 0"]);
  gates[1].open();
  gates[0].open();
  await Promise.all(answers);
  assertEquals(events, ["begin 0", "end 0", "begin 1", "end 1"]);
  assertEquals(harness.runtime.inFlight, 0);
});

Deno.test("answer() loses no update among concurrent requests", async () => {
  await using harness = await RuntimeHarness.make({
    count: any(async (_, { memory }) => {
      const n = Number(await memory.get("n") ?? 0);
      await turn();
      memory.set("n", n + 1);
      return { n: n + 1 };
    }),
  });
  const replies = await Promise.all(Array.from({ length: 50 }, () => harness.ask("count")));
  const numbers = replies.map(({ n }) => Number(n)).sort((a, b) => a - b);
  assertEquals(numbers, Array.from({ length: 50 }, (_, at) => at + 1));
  await harness.reopen();
  assertEquals(harness.state, { n: 50 });
});

Deno.test("answer() replies after the commit is on disk, and runs the next handler meanwhile", async () => {
  using disk = new FaultyDisk();
  let runs = 0;
  await using harness = await RuntimeHarness.make({
    work: any((_, { memory }) => {
      memory.set("runs", ++runs);
      return { runs };
    }),
  });
  const release = disk.hold("sync");
  let answered = 0;
  const answers = [1, 2, 3].map((at) =>
    harness.ask("work", {}, { id: `r${at}` }).then(() => answered++)
  );
  while (runs < 3) await turn();
  const repeat = harness.ask("work", {}, { id: "r1" }).then(() => answered++);
  for (let turns = 0; turns < 5; turns++) await turn();
  assertEquals([answered, harness.runtime.inFlight], [0, 3]);
  release();
  await Promise.all(answers);
  await repeat;
  assertEquals([answered, runs], [4, 3]);
});

Deno.test("answer() keeps nothing of a handler that fails", async () => {
  const fail: (() => never)[] = [
    () => {
      throw new Error("broken");
    },
    () => {
      throw new CodedError("handler_rejected", "refused");
    },
    () => {
      throw null;
    },
    () => {
      throw "a text";
    },
  ];
  await using harness = await RuntimeHarness.make({
    work: any(async ({ at }, { memory }) => {
      memory.set("left", true);
      memory.delete("kept");
      await turn();
      return at === undefined ? {} : fail[Number(at)]();
    }),
    keep: any((_, { memory }) => {
      memory.set("kept", { list: [1] });
      return {};
    }),
    change: any(async (_, { memory }) => {
      (await memory.get("kept") as { list: number[] }).list.push(2);
      return {};
    }),
  });
  await harness.ask("keep");
  const codes = await Promise.all(fail.map((_, at) => harness.code("work", { at })));
  assertEquals(codes, ["handler_failed", "handler_rejected", "handler_failed", "handler_failed"]);
  assertEquals(await harness.code("change"), "handler_failed", "values are read-only");
  assertEquals(harness.state, { kept: { list: [1] } });
  await harness.reopen();
  assertEquals(harness.state, { kept: { list: [1] } });
});

Deno.test("answer() reports why a handler failed, and logs the stack", async () => {
  await using harness = await RuntimeHarness.make({
    error: any(() => {
      throw new Error("no such file");
    }),
    text: any(() => {
      throw "only a text";
    }),
  });
  const error = await rejection(harness.ask("error"));
  assertEquals([error.code, error.message], ["handler_failed", "Cannot error: no such file"]);
  assertEquals((await rejection(harness.ask("text"))).message, "Cannot text: only a text");
  assertEquals(harness.log.map(({ event }) => event), ["handler_failed", "handler_failed"]);
  assert(String(harness.log[0].fields.stack).includes("runtime_test.ts"));
});

Deno.test("answer() passes a handler's CodedError on unchanged", async () => {
  const thrown = new CodedError("busy", "later", { afterMs: 5, maybeDone: true, details: ["x"] });
  await using harness = await RuntimeHarness.make({
    work: any(() => {
      throw thrown;
    }),
  });
  assertEquals(await rejection(harness.ask("work")), thrown);
});

Deno.test("answer() repeats the answer of an answered id without running the handler", async () => {
  let runs = 0;
  await using harness = await RuntimeHarness.make({
    work: any((_, { memory }) => {
      memory.set("runs", ++runs);
      return { runs };
    }),
  });
  for (let time = 0; time < 3; time++) {
    assertEquals(await harness.ask("work", { a: [1] }, { id: "x" }), { runs: 1 });
  }
  await harness.reopen();
  assertEquals(await harness.ask("work", { a: [1] }, { id: "x" }), { runs: 1 });
  assertEquals([runs, harness.state], [1, { runs: 1 }]);
  assertEquals((await harness.ask("stats")).repeated, 1);
});

Deno.test("answer() joins a repeat to the request that runs, and both share its end", async () => {
  const gates = { good: new Gate(), bad: new Gate() };
  let runs = 0;
  await using harness = await RuntimeHarness.make({
    good: any(async () => {
      await gates.good.pass();
      return { runs: ++runs };
    }),
    bad: any(async () => {
      await gates.bad.pass();
      throw new Error(`run ${++runs}`);
    }),
  });
  for (const type of ["good", "bad"] as const) {
    const first = harness.ask(type, {}, { id: type });
    await gates[type].reached;
    const joined = Number((await harness.ask("stats")).repeated) + 1;
    const second = harness.ask(type, {}, { id: type });
    while ((await harness.ask("stats")).repeated !== joined) await turn();
    assertEquals(harness.runtime.inFlight, 1);
    gates[type].open();
    const [a, b] = await Promise.allSettled([first, second]);
    assertEquals(a, b);
  }
  assertEquals(runs, 2);
});

Deno.test("answer() refuses an id that another request has used, running or answered", async () => {
  const gate = new Gate();
  await using harness = await RuntimeHarness.make({
    work: any(async () => {
      await gate.pass();
      return {};
    }),
    other: any(() => ({})),
  });
  const running = harness.ask("work", { a: 1 }, { id: "x" });
  await gate.reached;
  assertEquals(await harness.code("work", { a: 2 }, { id: "x" }), "conflict");
  assertEquals(await harness.code("other", { a: 1 }, { id: "x" }), "conflict");
  gate.open();
  await running;
  assertEquals(await harness.code("work", { a: 2 }, { id: "x" }), "conflict");
  await harness.reopen();
  assertEquals(await harness.code("work", {}, { id: "x" }), "conflict");
  assertEquals(await harness.code("work", { a: 1 }, { id: "x" }), "ok");
});

Deno.test("answer() refuses a request of an earlier generation, also after a restart", async () => {
  const ran: string[] = [];
  await using harness = await RuntimeHarness.make({
    merge: any(({ run }) => {
      ran.push(String(run));
      return {};
    }),
  });
  await harness.ask("merge", { run: 2 }, { id: "t7.r2.merge" });
  const late = await rejection(harness.ask("merge", { run: 1 }, { id: "t7.merge" }));
  assertEquals(late.code, "conflict");
  await harness.reopen();
  const later = await rejection(harness.ask("merge", { run: 1 }, { id: "t7.merge" }));
  assertEquals(later.code, "conflict");
  // Other calls, other tasks and later generations are not affected.
  await harness.ask("merge", { run: 3 }, { id: "t7.r3.merge" });
  await harness.ask("merge", { run: 4 }, { id: "t7.merge.4" });
  await harness.ask("merge", { run: 5 }, { id: "t8.merge" });
  assertEquals(ran, ["2", "3", "4", "5"]);
});

Deno.test("answer() runs a failed id again, also with another body", async () => {
  let runs = 0;
  await using harness = await RuntimeHarness.make({
    work: any(({ good }) => {
      runs++;
      if (!good) throw new Error("not this time");
      return { runs };
    }),
  });
  for (let time = 0; time < 2; time++) {
    assertEquals(await harness.code("work", {}, { id: "x" }), "handler_failed");
  }
  await harness.reopen();
  assertEquals(await harness.ask("work", { good: true }, { id: "x" }), { runs: 3 });
});

Deno.test("answer() recalls an answer that is too large to keep, also after a restart", async () => {
  let runs = 0;
  const recalled: Json[] = [];
  await using harness = await RuntimeHarness.make({
    page: any((input, { note, memory }) => {
      note({ draft: true });
      note({ offset: 7 });
      memory.set("pages", ++runs);
      return { text: "x".repeat(1000), ...input };
    }, {
      recall(input, note, { task, memory }) {
        recalled.push([note, task]);
        memory.set("left", true);
        return { text: "x".repeat(1000), ...input };
      },
    }),
  });
  const first = await harness.ask("page", { file: "a" }, { id: "t.page" });
  assertEquals(await harness.ask("page", { file: "a" }, { id: "t.page" }), first);
  await harness.reopen();
  assertEquals(await harness.ask("page", { file: "a" }, { id: "t.page" }), first);
  assertEquals([runs, recalled], [1, Array(2).fill([{ offset: 7 }, "t"])]);
  assertEquals(harness.state, { pages: 1 });
  assertEquals(await harness.code("page", { file: "b" }, { id: "t.page" }), "conflict");
  const { reply, bytes_out } = harness.memory.get("request/t.page") as JsonObject;
  assertEquals([reply, bytes_out], [undefined, JSON.stringify(first).length]);
});

Deno.test("answer() keeps nothing of a pure op", async () => {
  let runs = 0;
  await using harness = await RuntimeHarness.make({
    work: any((input, { memory }) => {
      runs++;
      memory.set("left", true);
      return input;
    }, { pure: true }),
  });
  for (let time = 0; time < 2; time++) {
    assertEquals(await harness.ask("work", { a: 1 }, { id: "x" }), { a: 1 });
  }
  assertEquals([runs, harness.memory.size], [2, 0]);
});

Deno.test("answer() rejects a handler that hangs at its deadline, and the next request goes on", async () => {
  const gate = new Gate();
  const aborted: unknown[] = [];
  await using harness = await RuntimeHarness.make({
    hang: any(async (_, { signal, memory }) => {
      signal.addEventListener("abort", () => aborted.push(signal.reason));
      memory.set("left", true);
      await gate.pass();
      memory.set("late", true);
      return {};
    }),
    work: any((_, { memory }) => {
      memory.set("worked", true);
      return {};
    }),
  });
  const hanging = rejection(harness.ask("hang", {}, { timeoutMs: 500 }));
  await gate.reached;
  const waiting = rejection(harness.ask("hang", {}, { timeoutMs: 100 }));
  const next = harness.ask("work");
  const error = await within(hanging, "the deadline");
  assertEquals([error.code, error.maybeDone], ["deadline_exceeded", true]);
  assertEquals(
    (await within(waiting, "the deadline of the request in the queue")).code,
    "deadline_exceeded",
  );
  await within(next, "the next request");
  assertEquals(aborted[0], error);
  gate.open();
  await turn();
  assertEquals([harness.state, harness.runtime.inFlight], [{ worked: true }, 0]);
});

Deno.test("answer() rejects at the deadline, and begins no other work before execute() has settled", async () => {
  const executed: string[] = [];
  const firstEnd = Promise.withResolvers<void>();
  const outcome = { output: {}, note: null, changes: [] };
  await using harness = await RuntimeHarness.make({ work: any(() => ({})) }, async ({ id }) => {
    executed.push(id);
    if (id === "first") await firstEnd.promise;
    return outcome;
  });
  assertEquals(
    await harness.code("work", {}, { id: "first", timeoutMs: 100 }),
    "deadline_exceeded",
  );
  const second = harness.ask("work", {}, { id: "second" });
  for (let turns = 0; turns < 5; turns++) await turn();
  assertEquals(executed, ["first"]);
  firstEnd.resolve();
  await second;
  assertEquals(executed, ["first", "second"]);
  assertEquals((harness.memory.get("request/first") as JsonObject).error, "deadline_exceeded");
});

Deno.test("answer() keeps the later answer when an abandoned earlier try returns after it", async () => {
  const gate = new Gate();
  let runs = 0;
  await using harness = await RuntimeHarness.make({
    work: any(async (_, { memory }) => {
      const run = ++runs;
      memory.set(`run ${run}`, true);
      if (run === 1) await gate.pass();
      return { run };
    }),
  });
  assertEquals(await harness.code("work", {}, { id: "x", timeoutMs: 300 }), "deadline_exceeded");
  assertEquals(await harness.ask("work", {}, { id: "x" }), { run: 2 });
  gate.open();
  for (let turns = 0; turns < 3; turns++) await turn();
  assertEquals(await harness.ask("work", {}, { id: "x" }), { run: 2 });
  await harness.reopen();
  assertEquals(await harness.ask("work", {}, { id: "x" }), { run: 2 });
  assertEquals(harness.state, { "run 2": true });
});

Deno.test("answer() refuses requests beyond the queue, and takes more when it has drained", async () => {
  const gate = new Gate();
  await using harness = await RuntimeHarness.make({
    work: any(async () => {
      await gate.pass();
      return {};
    }),
  });
  const taken = Array.from({ length: 256 }, () => harness.code("work"));
  await gate.reached;
  while (harness.runtime.inFlight < 256) await turn();
  const error = await rejection(harness.ask("work"));
  assertEquals([error.code, error.maybeDone, error.afterMs! > 0], ["busy", false, true]);
  gate.open();
  assertEquals(new Set(await Promise.all(taken)), new Set(["ok"]));
  assertEquals(await harness.code("work"), "ok");
});

Deno.test("answer() refuses wrong input with the paths at fault, and runs nothing", async () => {
  let runs = 0;
  await using harness = await RuntimeHarness.make({
    work: op({
      input: z.strictObject({ a: z.object({ n: z.number() }), b: z.string() }),
      output: z.object({ runs: z.number() }),
      handle: () => ({ runs: ++runs }),
    }),
  });
  const error = await rejection(harness.ask("work", { a: { n: "x" }, c: 1 }));
  assertEquals([error.code, error.maybeDone, runs], ["invalid_input", false, 0]);
  assertEquals(error.details?.map((text) => text.split(":")[0]), ["a.n", "b", "(top)"]);
});

Deno.test("answer() passes the input to the handler as its schema parses it", async () => {
  await using harness = await RuntimeHarness.make({
    work: op({
      input: z.object({ n: z.number().default(7) }),
      output: z.object({ n: z.number() }),
      handle: ({ n }) => ({ n, dropped: true }),
    }),
  });
  assertEquals(await harness.ask("work", { more: 1 }), { n: 7 });
});

Deno.test("answer() refuses a wrong output, and keeps nothing of it", async () => {
  const wrong = op({
    input: z.object({}),
    output: z.object({ n: z.number() }),
    handle: (_, { memory }) => {
      memory.set("left", true);
      return { n: "x" } as unknown as { n: number };
    },
  });
  const bare = op({ input: z.object({}), output: z.string(), handle: () => "no object" });
  await using harness = await RuntimeHarness.make({ wrong, bare });
  const error = await rejection(harness.ask("wrong", {}, { id: "x" }));
  assertEquals([error.code, error.details?.[0].split(":")[0]], ["bad_output", "n"]);
  assertEquals(harness.state, {});
  assertEquals(await harness.code("wrong", {}, { id: "x" }), "bad_output");
  assertEquals(await harness.code("bare"), "bad_output");
});

Deno.test("answer() refuses an unknown type, also if it is called like a property of objects", async () => {
  await using harness = await RuntimeHarness.make({ work: any(() => ({})) });
  for (const type of ["nothing", "__proto__", "constructor", "toString", "hasOwnProperty", ""]) {
    const error = await rejection(harness.ask(type));
    assertEquals([error.code, error.message], [
      "unknown_type",
      `Cannot do "${type}": tester does work`,
    ]);
  }
});

Deno.test("answer() cancels a request that runs and a request that waits", async () => {
  const gate = new Gate();
  await using harness = await RuntimeHarness.make({
    work: any(async (_, { memory, signal }) => {
      memory.set("left", true);
      await gate.pass();
      signal.throwIfAborted();
      return {};
    }),
    next: any(() => ({})),
  });
  const running = rejection(harness.ask("work", {}, { id: "running" }));
  await gate.reached;
  const waiting = rejection(harness.ask("work", {}, { id: "waiting" }));
  while (harness.runtime.inFlight < 2) await turn();
  assertEquals(await harness.ask("cancel", { id: "waiting" }), { cancelled: true });
  assertEquals(await harness.ask("cancel", { id: "running" }), { cancelled: true });
  for (const error of [await running, await waiting]) {
    assertEquals([error.code, error.maybeDone], ["cancelled", false]);
  }
  await harness.ask("next");
  gate.open();
  await turn();
  assertEquals([harness.state, harness.runtime.inFlight], [{}, 0]);
  assertEquals(await harness.ask("cancel", { id: "running" }), { cancelled: false });
  assertEquals(await harness.ask("cancel", { id: "__proto__" }), { cancelled: false });
  assertEquals(await harness.code("cancel", {}), "invalid_input");
});

Deno.test("answer() does not cancel a request whose commit has begun", async () => {
  using disk = new FaultyDisk();
  await using harness = await RuntimeHarness.make({
    work: any((_, { memory }) => {
      memory.set("kept", true);
      return { done: true };
    }),
  });
  const release = disk.hold("sync");
  const syncing = disk.next("sync");
  const answer = harness.ask("work", {}, { id: "x" });
  await syncing;
  assertEquals(await harness.ask("cancel", { id: "x" }), { cancelled: false });
  release();
  assertEquals(await answer, { done: true });
});

Deno.test("answer() keeps nothing on a full disk, answers storage_full, and recovers by itself", async () => {
  using disk = new FaultyDisk();
  await using harness = await RuntimeHarness.make({
    count: any(async (_, { memory }) => {
      const n = Number(await memory.get("n") ?? 0) + 1;
      memory.set("n", n);
      return { n };
    }),
  });
  assertEquals(await harness.ask("count"), { n: 1 });
  disk.fault = ({ op }) => {
    if (op === "write") throw systemError("ENOSPC");
  };
  const codes = await Promise.all(
    Array.from({ length: 5 }, (_, at) => harness.code("count", {}, { id: `full-${at}` })),
  );
  assertEquals(new Set(codes), new Set(["storage_full"]));
  assertEquals((await harness.ask("stats")).in_flight, 0);
  disk.fault = () => {};
  assertEquals(await harness.ask("count", {}, { id: "full-0" }), { n: 2 });
  await harness.reopen();
  assertEquals(harness.state, { n: 2 });
  assertEquals(await harness.ask("count", {}, { id: "full-0" }), { n: 2 });
});

Deno.test("answer() refuses a result that builds on a commit which was rolled back", async () => {
  using disk = new FaultyDisk();
  const gate = new Gate();
  await using harness = await RuntimeHarness.make({
    first: any((_, { memory }) => {
      memory.set("n", 1);
      return {};
    }),
    second: any(async (_, { memory }) => {
      const n = await memory.get("n");
      await gate.pass();
      memory.set("seen", n ?? null);
      return {};
    }),
  });
  const { promise: failing, resolve: fail } = Promise.withResolvers<void>();
  disk.fault = async ({ op }) => {
    if (op !== "write") return;
    await failing;
    throw systemError("ENOSPC");
  };
  const writing = disk.next("write");
  const first = harness.code("first");
  await writing;
  const second = harness.code("second");
  await gate.reached; // it has read what the first one left
  fail();
  assertEquals(await first, "storage_full");
  disk.fault = () => {};
  gate.open();
  assertEquals(await second, "storage_full");
  assertEquals(harness.state, {});
});

Deno.test("answer() lists the ops with their JSON schemas", async () => {
  await using harness = await RuntimeHarness.make({
    work: op({
      input: z.strictObject({ n: z.int().min(1).default(1) }),
      output: z.strictObject({ at: z.string(), date: z.date() }),
      handle: () => ({ at: "x", date: new Date() }),
    }),
  });
  const { agent, ops } = await harness.ask("info") as { agent: string; ops: JsonObject[] };
  assertEquals([agent, ops.length, ops[0].name], ["tester", 1, "work"]);
  const { input, output } = ops[0] as Record<string, Record<string, JsonObject>>;
  assertEquals([input.type, input.properties.n, input.required], [
    "object",
    { type: "integer", minimum: 1, default: 1, maximum: Number.MAX_SAFE_INTEGER },
    undefined,
  ] as unknown[]);
  assertEquals(output.required as unknown, ["at", "date"]);
});

Deno.test("answer() counts requests that are done, failed and repeated", async () => {
  await using harness = await RuntimeHarness.make({
    work: any(({ bad }) => {
      if (bad) throw new Error("bad");
      return {};
    }),
  });
  await harness.ask("work", {}, { id: "x" });
  await harness.ask("work", {}, { id: "x" });
  await harness.code("work", { bad: true }, { id: "y" });
  const { done, failed, repeated, in_flight, memory_keys } = await harness.ask("stats");
  assertEquals([done, failed, repeated, in_flight, memory_keys], [1, 1, 1, 0, 2]);
});

Deno.test("answer() stores an entry for each request in memory", async () => {
  await using harness = await RuntimeHarness.make({ work: any((input) => input) });
  await harness.ask("work", { a: 1 }, { id: "x" });
  const { received_at, ms, digest, ...entry } = harness.memory.get("request/x") as JsonObject;
  assertEquals(entry, { op: "work", state: "done", bytes_in: 7, bytes_out: 7, reply: { a: 1 } });
  assertEquals(new Date(String(received_at)).toISOString(), received_at);
  assertEquals([typeof ms, String(digest).split(" ")[0]], ["number", "work"]);
});

Deno.test("answer() reports one issue of an input or an output that has very many", async () => {
  const list = z.object({ list: z.array(z.object({ a: z.int(), b: z.int() })) });
  const wrong = { list: Array<JsonObject>(50_000).fill({}) };
  await using harness = await RuntimeHarness.make({
    take: op({ input: list, output: z.object({}), handle: () => ({}) }),
    give: op({ input: z.object({}), output: list, handle: () => wrong as never }),
  });
  for (const [type, body, code] of [["take", wrong, "invalid_input"], ["give", {}, "bad_output"]]) {
    const error = await rejection(harness.ask(type as string, body as JsonObject));
    assertEquals([error.code, error.details?.length], [code, 1]);
  }
});

Deno.test("answer() makes the info once", async () => {
  await using harness = await RuntimeHarness.make({ work: any(() => ({})) });
  assertStrictEquals(await harness.ask("info"), await harness.ask("info"));
});
