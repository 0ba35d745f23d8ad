/**
 * One run of one handler, between the checks of its input and its output. It knows nothing of turns,
 * time or disks, so it can be run here or where it can be ended.
 *
 * @module
 */
import { CodedError } from "../../lib/errors.ts";
import { parseBounded } from "../../lib/parse_bounded.ts";
import type { Json, JsonObject } from "../../lib/json.ts";
import { issues, validate } from "../../lib/wire/protocol.ts";
import type { Agent } from "../define.ts";
import { ChangesOver, type Reader } from "./draft.ts";

/** What is to be done. */
export interface Work {
  readonly op: string;
  /** The request's id. */
  readonly id: string;
  readonly body: JsonObject;
  /** Given where an answer is to be recalled: what `handle` noted. */
  readonly note?: Json;
}

/** What came of it; nothing of it is kept yet. */
export interface Outcome {
  readonly output: JsonObject;
  readonly note: Json;
  readonly changes: readonly [key: string, value: Json | undefined][];
}

/**
 * Does the work; throws `CodedError`. It settles when the work has ended or is given up, since the
 * next work begins then; its memory is asked for nothing after that.
 */
export type Execute = (work: Work, memory: Reader, signal: AbortSignal) => Promise<Outcome>;

/** Runs handlers in this very thread. */
export function executeInThread({ ops }: Agent): Execute {
  return async ({ op: name, id, body, note: noted }, memory, signal) => {
    const op = ops[name];
    const input = validate(op.input, body);
    const draft = new ChangesOver(memory);
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
      output = noted === undefined
        ? await op.handle(input, context)
        : await op.recall!(input, noted, context);
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
    throw new CodedError("bad_output", `Cannot answer: ${name} gave a wrong output`, { details });
  };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
