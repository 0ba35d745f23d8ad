/**
 * An agent whose handlers do what handlers must not.
 *
 * @module
 */
import { z } from "zod";
import { defineAgent, op } from "../../agents/define.ts";
import { run } from "../../agents/run.ts";
import { SYSTEM } from "../../lib/system.ts";

/** As in `agents/runtime/isolate.ts`: how long a thread may be silent until it counts as stuck. */
const STUCK_MS = 5_000;
/** Here it counts so sooner, since a loop without end takes a core all that time. */
const SOON_MS = 500;

const { after } = SYSTEM.clock;
Object.assign(SYSTEM.clock, {
  after: (ms: number, callback: () => void) => after(ms === STUCK_MS ? SOON_MS : ms, callback),
});

const anything = z.record(z.string(), z.unknown());

/** Blocks its thread, as a handler does that takes long. */
function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false; // it is removed
  }
}

const wild = defineAgent("wild", {
  count: op({
    input: z.strictObject({}),
    output: z.strictObject({ count: z.int(), keys: z.array(z.string()) }),
    async handle(_, { memory }) {
      const count = Number(await memory.get("count") ?? 0) + 1;
      memory.set("count", count);
      return { count, keys: await memory.keys("") };
    },
  }),
  spin: op({
    input: anything,
    output: anything,
    handle() {
      for (let turns = 0;; turns++) if (turns < 0) return {};
    },
  }),
  plod: op({
    input: z.strictObject({ while: z.string() }),
    output: anything,
    handle({ while: path }) {
      const never = new Int32Array(new SharedArrayBuffer(4));
      while (exists(path)) Atomics.wait(never, 0, 0, 1); // ms
      return {};
    },
  }),
  hang: op({
    input: anything,
    output: anything,
    async handle(_, { memory }) {
      memory.set("count", -1);
      return await new Promise(() => {});
    },
  }),
  eat: op({
    input: anything,
    output: anything,
    handle() {
      const eaten: unknown[] = [];
      while (true) eaten.push(new Array(100_000).fill(eaten.length));
    },
  }),
  crash: op({
    input: anything,
    output: anything,
    async handle() {
      setTimeout(() => {
        throw new Error("thrown where nobody catches");
      });
      return await new Promise(() => {});
    },
  }),
  leave: op({
    input: anything,
    output: anything,
    handle: () => Deno.exit(0),
  }),
  fail: op({
    input: anything,
    output: anything,
    handle: () => {
      throw new RangeError("too bad");
    },
  }),
});

await run("wild", () => wild);
