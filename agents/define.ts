/**
 * What an agent is: a name and its ops. How one is run stands in `run.ts`.
 *
 * @module
 */
import type { z } from "zod";
import type { Json } from "../lib/json.ts";

/** A handler's view of the agent's memory: nothing of it is kept unless the handler returns. */
export interface Draft {
  /** Reads a value, this handler's own changes included. Values are read-only. */
  get(key: string): Promise<Json | undefined>;
  /** The keys that begin with `prefix`, in order. */
  keys(prefix: string): Promise<string[]>;
  set(key: string, value: Json): void;
  delete(key: string): void;
}

/** What a handler is given beside its input. */
export interface Context {
  /** The task that this request belongs to: the request's id up to its first dot. */
  readonly task: string;
  readonly memory: Draft;
  /** Aborts at the request's deadline and when the request is cancelled. */
  readonly signal: AbortSignal;
  /** Notes what `recall` needs to give this answer once more; at most one note is kept. */
  note(value: Json): void;
}

/** One type of request that an agent answers. */
export interface Op<I = unknown, O = unknown> {
  readonly input: z.ZodType<I>;
  readonly output: z.ZodType<O>;
  /**
   * Does the work. What it throws fails the request: a `CodedError` with its own code, anything
   * else as `handler_failed`, which may be tried again.
   */
  handle(input: I, context: Context): O | Promise<O>;
  /** It changes nothing: nothing of it is kept, and a repeat runs it again. */
  readonly pure?: true;
  /** Gives an answer again that is too large to keep, from the input and what `handle` noted. */
  recall?(input: I, note: Json, context: Context): O | Promise<O>;
}

/** A named set of ops. */
export interface Agent {
  readonly name: string;
  readonly ops: Readonly<Record<string, Op>>;
}

/** Ties the types of an op's schemas to its handler. */
export function op<I, O>(op: Op<I, O>): Op {
  return op as unknown as Op;
}

/**
 * Defines an agent.
 *
 * @example
 * ```ts
 * export const greeter = defineAgent("greeter", {
 *   greet: op({
 *     input: z.strictObject({ name: z.string() }),
 *     output: z.strictObject({ text: z.string() }),
 *     async handle({ name }, { memory }) {
 *       const times = Number(await memory.get(name) ?? 0) + 1;
 *       memory.set(name, times);
 *       return { text: `Hello ${name}, for the ${times}. time` };
 *     },
 *   }),
 * });
 * ```
 */
export function defineAgent(name: string, ops: Record<string, Op>): Agent {
  return { name, ops };
}
