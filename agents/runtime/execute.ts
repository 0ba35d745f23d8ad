/**
 * Runs a handler once, between the checks of its input and its output. It knows no queue, deadline or
 * disk, so the same code runs handlers in the main thread and in an isolate's thread.
 *
 * @module
 */
import { CodedError } from "../../lib/errors.ts";
import { parseBounded } from "../../lib/parse_bounded.ts";
import type { Json, JsonObject } from "../../lib/json.ts";
import { issues, validate } from "../../lib/wire/protocol.ts";
import type { Agent } from "../define.ts";
import { MemoryDraft, type MemoryReader } from "./draft.ts";

/** A call of one handler. */
export interface Work {
  readonly op: string;
  /** The request's id. */
  readonly id: string;
  readonly body: JsonObject;
  /** What `handle` noted. If present, `recall` runs in place of `handle`. */
  readonly note?: Json;
}

/** What a handler returned, noted and changed. Nothing of it is committed yet. */
export interface Outcome {
  readonly output: JsonObject;
  readonly note: Json;
  /** `undefined` removes a key. */
  readonly changes: readonly [key: string, value: Json | undefined][];
}

/**
 * Runs one handler and throws `CodedError`. The promise settles when the handler has ended or is
 * given up for good, because the runtime begins the next work then. After that `memory` is not read.
 */
export type Execute = (work: Work, memory: MemoryReader, signal: AbortSignal) => Promise<Outcome>;

/** Returns an `Execute` that runs an agent's handlers in the calling thread and waits for their end. */
export function executeInThread({ ops }: Agent): Execute {
  return async ({ op: name, id, body, note: earlierNote }, memory, signal) => {
    const op = ops[name];
    const input = validate(op.input, body);
    const draft = new MemoryDraft(memory);
    let note: Json = null;
    const context = {
      task: id.split(".", 1)[0],
      memory: draft,
      signal,
      note: (value: Json) => {
        note = value;
      },
    };
    let output: unknown;
    try {
      output = earlierNote === undefined
        ? await op.handle(input, context)
        : await op.recall!(input, earlierNote, context);
    } catch (error) {
      if (error instanceof CodedError || signal.aborted) throw error;
      const message = error instanceof Error ? error.message : String(error);
      throw new CodedError("handler_failed", `Cannot ${name}: ${message}`, { cause: error });
    }
    const result = parseBounded(op.output, output);
    if (result.success && isObject(result.data)) {
      return { output: result.data, note, changes: draft.changes };
    }
    const details = result.success ? ["(top): a reply's body is an object"] : issues(result.error);
    throw new CodedError(
      "bad_output",
      `Cannot answer: the output of ${name} does not fit its schema`,
      { details },
    );
  };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
