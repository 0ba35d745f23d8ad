/**
 * What an agent is: a name and its ops. Start reading here; `run.ts` makes a program of it.
 *
 * @module
 */
import type { z } from "zod";
import type { Json } from "../lib/json.ts";

/** A handler's view of the agent's memory. Its changes are kept only if the handler returns. */
export interface Draft {
  /** Returns a value with this handler's own changes. Values are read-only. */
  get(key: string): Promise<Json | undefined>;
  /** Returns the keys that begin with `prefix`, in order. */
  keys(prefix: string): Promise<string[]>;
  /** Stores a value in place of an earlier one. */
  set(key: string, value: Json): void;
  /** Removes a key, if it exists. */
  delete(key: string): void;
}

/** What a handler receives beside its input. */
export interface Context {
  /** The task that this request belongs to: the request's id up to its first dot. */
  readonly task: string;
  readonly memory: Draft;
  /** Aborts at the request's deadline and when the request is cancelled. */
  readonly signal: AbortSignal;
  /** Notes what `recall` needs to repeat this answer. The last note counts. */
  note(value: Json): void;
}

/** One type of request that an agent answers. */
export interface Op<I = unknown, O = unknown> {
  /** Checks each request's body. */
  readonly input: z.ZodType<I>;
  /** Checks each reply's body, which is an object. */
  readonly output: z.ZodType<O>;
  /**
   * Answers a request. An error fails it: a `CodedError` with its own code, any other error as
   * `handler_failed`, which may be tried again.
   */
  handle(input: I, context: Context): O | Promise<O>;
  /** The handler changes nothing. Neither changes nor answer are kept, and a repeat runs it again. */
  readonly pure?: true;
  /** Repeats an answer that is too large to keep, from the input and what `handle` noted. */
  recall?(input: I, note: Json, context: Context): O | Promise<O>;
}

/** A named set of ops. */
export interface Agent {
  readonly name: string;
  /** By request type. */
  readonly ops: Readonly<Record<string, Op>>;
}

/** Defines an op. The types of its schemas become the types of its handler. */
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
