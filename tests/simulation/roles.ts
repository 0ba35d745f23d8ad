/**
 * Small agents that count their calls, and a pipeline that has every kind of stage.
 *
 * @module
 */
import { z } from "zod";
import { type Agent, type Context, defineAgent, op } from "../../agents/define.ts";
import { unlessAborted } from "../../lib/abort.ts";
import { CodedError } from "../../lib/errors.ts";
import { sleep } from "../../lib/retry.ts";
import type { System } from "../../lib/system.ts";
import type { Pipeline } from "../../orchestrator/run/pipelines.ts";

/** The input of a task. */
export const Wanted = z.strictObject({
  name: z.string(),
  pages: z.int(),
  /** If true, the task can never succeed. */
  poison: z.boolean(),
});
export type Wanted = z.infer<typeof Wanted>;

const Cursor = z.strictObject({ at: z.int() });
const Page = z.strictObject({ text: z.string(), poison: z.boolean() });
const Parts = z.strictObject({ parts: z.array(z.string()), poison: z.boolean() });
const Reported = z.strictObject({ headline: z.string(), parts: z.array(z.string()) });

const DEFAULTS = { timeoutMs: 4_000, attempts: 8 };

/** The pipeline that every simulated task runs through. */
export const PIPELINE: Pipeline = {
  name: "count",
  stages: [
    {
      kind: "pages",
      source: { name: "collect", agent: "collector", op: "collect", ...DEFAULTS },
      each: { name: "analyze", agent: "analyzer", op: "analyze", ...DEFAULTS },
      combine: { name: "combine", agent: "analyzer", op: "combine", ...DEFAULTS },
    },
    { kind: "call", call: { name: "merge", agent: "counter", op: "merge", ...DEFAULTS } },
    { kind: "call", call: { name: "report", agent: "counter", op: "report", ...DEFAULTS } },
  ],
};

/** The key under which the counter stores its calls of `op` for a task, or for `"all"` tasks. */
export const countKey = (op: string, task: string): string => `${op}/${task}`;

/** The text of page number `at` of a task. */
export function pageOf({ name }: Pick<Wanted, "name">, at: number): string {
  return `${name}, page ${String(at).padStart(2, "0")}`;
}

/** The parts that the result of a task must contain. */
export function partsOf(wanted: Wanted): string[] {
  return Array.from({ length: wanted.pages }, (_, at) => pageOf(wanted, at));
}

/** Creates an agent that uses the clock and random numbers of `system` and suffers `mishaps`. */
export type MakeAgent = (system: System, mishaps: Mishaps) => Agent;

/** The chance of each mishap per handler call, from 0 to 1. */
export interface Mishaps {
  fails: number;
  isSlow: number;
  hangs: number;
}

/** The agents by role. */
export const AGENTS: Readonly<Record<string, MakeAgent>> = {
  collector: (system, mishaps) =>
    defineAgent("collector", {
      collect: op({
        input: Wanted.extend({ cursor: Cursor.optional() }),
        output: Page.extend({ cursor: Cursor.nullable() }),
        async handle(input, context) {
          await mishap(system, mishaps, context);
          context.note({ pages: input.pages });
          return collected(input);
        },
        recall: (input) => collected(input),
      }),
    }),
  analyzer: (system, mishaps) =>
    defineAgent("analyzer", {
      analyze: op({
        input: Page,
        output: Parts,
        pure: true,
        async handle({ text, poison }, context) {
          await mishap(system, mishaps, context);
          return { parts: [text], poison };
        },
      }),
      combine: op({
        input: z.strictObject({ partials: z.array(Parts) }),
        output: Parts,
        async handle({ partials }, context) {
          await mishap(system, mishaps, context);
          return combined(partials);
        },
      }),
    }),
  counter: (system, mishaps) =>
    defineAgent("counter", {
      merge: op({
        input: z.strictObject({ partials: z.array(Parts) }),
        output: Parts,
        async handle({ partials }, context) {
          await count("merge", context);
          await mishap(system, mishaps, context);
          const { parts, poison } = combined(partials);
          if (poison) throw new CodedError("handler_rejected", "Cannot merge poison");
          return { parts, poison };
        },
      }),
      report: op({
        input: Parts,
        output: Reported,
        async handle({ parts }, context) {
          await mishap(system, mishaps, context);
          await count("report", context);
          return { headline: `${parts.length} pages`, parts };
        },
      }),
    }),
};

function collected({ name, pages, poison, cursor }: Wanted & { cursor?: z.infer<typeof Cursor> }) {
  const at = cursor?.at ?? 0;
  return { text: pageOf({ name }, at), poison, cursor: at + 1 < pages ? { at: at + 1 } : null };
}

function combined(partials: z.infer<typeof Parts>[]): z.infer<typeof Parts> {
  return {
    parts: partials.flatMap(({ parts }) => parts).sort(),
    poison: partials.some(({ poison }) => poison),
  };
}

async function count(op: string, { task, memory }: Context): Promise<void> {
  for (const key of [countKey(op, task), countKey(op, "all")]) {
    memory.set(key, Number(await memory.get(key) ?? 0) + 1);
  }
}

async function mishap({ random, clock }: System, mishaps: Mishaps, { signal }: Context) {
  const dice = random();
  if (dice < mishaps.hangs) await unlessAborted(new Promise(() => {}), signal);
  if (random() < mishaps.isSlow) await sleep(random() * 3_000, signal, clock);
  if (random() < mishaps.fails) throw new Error("A mishap");
}
