import { assert, assertEquals, assertRejects } from "@std/assert";
import { Mutex } from "../../lib/mutex.ts";
import { Gate } from "../bench/agent.ts";

const never = new AbortController().signal;

Deno.test("Turns.take() runs one at a time, in the order of asking", async () => {
  const turns = new Mutex();
  const events: string[] = [];
  const gates = [new Gate(), new Gate(), new Gate()];
  const taken = gates.map((gate, at) =>
    turns.run(async () => {
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
  assertEquals(await Promise.all(taken), [0, 1, 2]);
  assertEquals(events, ["begin 0", "end 0", "begin 1", "end 1", "begin 2", "end 2"]);
});

Deno.test("Turns.take() gives what the work throws, and the next turn comes", async () => {
  const turns = new Mutex();
  const first = turns.run(() => Promise.reject(new RangeError("first")), never);
  const second = turns.run(() => {
    throw new RangeError("second");
  }, never);
  const third = turns.run(() => Promise.resolve("third"), never);
  await assertRejects(() => first, RangeError, "first");
  await assertRejects(() => second, RangeError, "second");
  assertEquals(await third, "third");
});

Deno.test("Turns.take() ends a turn that hangs when it is aborted, with the reason", async () => {
  const turns = new Mutex();
  const aborter = new AbortController();
  const gate = new Gate();
  const hanging = turns.run(() => gate.pass(), aborter.signal);
  const next = turns.run(() => Promise.resolve("next"), never);
  await gate.reached;
  aborter.abort(new RangeError("late"));
  await assertRejects(() => hanging, RangeError, "late");
  assertEquals(await next, "next");
  gate.open();
});

Deno.test("Turns.take() never begins what is aborted while it waits, and keeps the order", async () => {
  const turns = new Mutex();
  const aborter = new AbortController();
  const gate = new Gate();
  const events: string[] = [];
  const first = turns.run(async () => {
    await gate.pass();
    events.push("first");
  }, never);
  const second = turns.run(() => Promise.resolve(events.push("second")), aborter.signal);
  const third = turns.run(() => Promise.resolve(events.push("third")), never);
  await gate.reached;
  aborter.abort(new RangeError("cancelled"));
  await assertRejects(() => second, RangeError, "cancelled");
  assertEquals(events, []);
  gate.open();
  await Promise.all([first, third]);
  assertEquals(events, ["first", "third"]);
});

Deno.test("Turns.take() refuses at once what is aborted already", async () => {
  const turns = new Mutex();
  const ran: string[] = [];
  await assertRejects(
    () => turns.run(() => Promise.resolve(ran.push("ran")), AbortSignal.abort(new RangeError("x"))),
    RangeError,
  );
  await turns.run(() => Promise.resolve(), never);
  assertEquals(ran, []);
});

Deno.test("Turns.take() holds on to no outcome", async () => {
  const turns = new Mutex();
  let gone = false;
  const registry = new FinalizationRegistry(() => gone = true);
  const take = async (watched: boolean): Promise<void> => {
    const outcome = () => Promise.resolve(new Array<number>(50_000).fill(1.5));
    const taken = await turns.run(outcome, never);
    if (watched) registry.register(taken, undefined);
  };
  await take(true);
  for (let turn = 0; turn < 1_000 && !gone; turn++) {
    await take(false);
    await new Promise((next) => setTimeout(next));
  }
  assert(gone, "400 MB later the first outcome is still there");
});
