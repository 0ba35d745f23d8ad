import { assert, assertEquals, assertRejects } from "@std/assert";
import { Mutex } from "../../lib/mutex.ts";
import { Gate } from "../harness/gate.ts";

const never = new AbortController().signal;

Deno.test("Mutex.run() runs one piece of work at a time, in the order of the calls", async () => {
  const mutex = new Mutex();
  const events: string[] = [];
  const gates = [new Gate(), new Gate(), new Gate()];
  const outcomes = gates.map((gate, at) =>
    mutex.run(async () => {
      events.push(`begin ${at}`);
      await gate.pass();
      events.push(`end ${at}`);
      return at;
    }, never)
  );
  await gates[0].reached;
  gates[2].open();
  gates[1].open();
  assertEquals(events, ["begin 0"]);
  gates[0].open();
  assertEquals(await Promise.all(outcomes), [0, 1, 2]);
  assertEquals(events, ["begin 0", "end 0", "begin 1", "end 1", "begin 2", "end 2"]);
});

Deno.test("Mutex.run() rejects with what the work throws, and runs the next work", async () => {
  const mutex = new Mutex();
  const first = mutex.run(() => Promise.reject(new RangeError("first")), never);
  const second = mutex.run(() => {
    throw new RangeError("second");
  }, never);
  const third = mutex.run(() => Promise.resolve("third"), never);
  await assertRejects(() => first, RangeError, "first");
  await assertRejects(() => second, RangeError, "second");
  assertEquals(await third, "third");
});

Deno.test("Mutex.run() rejects at an abort, and keeps the mutex until the work has ended", async () => {
  const mutex = new Mutex();
  const aborter = new AbortController();
  const gate = new Gate();
  let begun = false;
  const hanging = mutex.run(() => gate.pass(), aborter.signal);
  const next = mutex.run(() => Promise.resolve(begun = true), never);
  await gate.reached;
  aborter.abort(new RangeError("late"));
  await assertRejects(() => hanging, RangeError, "late");
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve));
  assertEquals(begun, false);
  gate.open();
  await next;
});

Deno.test("Mutex.run() never runs work that is aborted while it waits, and keeps the order", async () => {
  const mutex = new Mutex();
  const aborter = new AbortController();
  const gate = new Gate();
  const events: string[] = [];
  const first = mutex.run(async () => {
    await gate.pass();
    events.push("first");
  }, never);
  const second = mutex.run(() => Promise.resolve(events.push("second")), aborter.signal);
  const third = mutex.run(() => Promise.resolve(events.push("third")), never);
  await gate.reached;
  aborter.abort(new RangeError("cancelled"));
  await assertRejects(() => second, RangeError, "cancelled");
  assertEquals(events, []);
  gate.open();
  await Promise.all([first, third]);
  assertEquals(events, ["first", "third"]);
});

Deno.test("Mutex.run() rejects if the signal has aborted before", async () => {
  const mutex = new Mutex();
  const ran: string[] = [];
  await assertRejects(
    () => mutex.run(() => Promise.resolve(ran.push("ran")), AbortSignal.abort(new RangeError("x"))),
    RangeError,
  );
  await mutex.run(() => Promise.resolve(), never);
  assertEquals(ran, []);
});

Deno.test("Mutex.run() keeps no outcome in memory", async () => {
  const mutex = new Mutex();
  let isCollected = false;
  const registry = new FinalizationRegistry(() => isCollected = true);
  const take = async (watched: boolean): Promise<void> => {
    const outcome = () => Promise.resolve(new Array<number>(50_000).fill(1.5));
    const value = await mutex.run(outcome, never);
    if (watched) registry.register(value, undefined);
  };
  await take(true);
  for (let turn = 0; turn < 1_000 && !isCollected; turn++) {
    await take(false);
    await new Promise((next) => setTimeout(next));
  }
  assert(isCollected, "400 MB later the first outcome is still there");
});
