/**
 * The flags of the subcommands.
 *
 * @module
 */
import { integer, type Settings, text } from "../../lib/process/settings.ts";
import { TLS_CONNECTS } from "../../lib/process/tls_settings.ts";
import type { JsonObject } from "../../lib/json.ts";
import { PLACE } from "../settings.ts";

/** The flags of every subcommand that asks a running orchestrator. */
export const CLIENT = {
  ...PLACE,
  ...TLS_CONNECTS,
  json: { help: "Print the reply as JSON" },
} satisfies Settings;

/** The flags of `submit`. */
export const SUBMIT = {
  wait: { help: "Show progress, then print the result" },
  text: optionalText("TEXT", "Text to report on"),
  stream: optionalText("NAME", "Compare with earlier runs of this stream; by default the file's"),
  "only-new": { help: "Leave out what earlier runs collected from the same files" },
  input: {
    value: "JSON",
    fallback: undefined,
    help: "The pipeline's whole input, in place of files",
    read: jsonObject,
  },
  pipeline: { value: "NAME", fallback: "report", help: "Pipeline to run", read: text },
  label: optionalText("TEXT", "Name of the task for people"),
  key: optionalText("KEY", "Idempotency key: the same key returns the same task"),
  deadline: {
    value: "SECONDS",
    fallback: 600,
    help: "Time that the task may take in all",
    read: integer(1, 86_400),
  },
  ...CLIENT,
} satisfies Settings;

/** The flags of `list`. */
export const LIST = {
  state: optionalText("STATE,…", "Only tasks in these states"),
  limit: { value: "N", fallback: 50, help: "At most N tasks", read: integer(1, 500) },
  ...CLIENT,
} satisfies Settings;

/** The flags of `result`. */
export const RESULT = {
  wait: {
    value: "SECONDS",
    fallback: 0,
    help: "Wait this long for the task to end",
    read: integer(0, 86_400),
  },
  ...CLIENT,
} satisfies Settings;

/** The flags of `retry`. */
export const RETRY = {
  from: optionalText("CALL", "Begin with this call; by default with the call that failed"),
  ...CLIENT,
} satisfies Settings;

/** The flags of `pause` and `resume`. */
export const PAUSE = {
  agent: optionalText("NAME", "An agent; while paused it is asked nothing new and its tasks wait"),
  pipeline: optionalText("NAME", "A pipeline; while paused its tasks wait and others pass them"),
  ...CLIENT,
} satisfies Settings;

/** The flags of `repair`. */
export const REPAIR = {
  "accept-loss": { help: "Repair it: go on without the damaged part, which is kept aside" },
} satisfies Settings;

function optionalText(value: string, help: string) {
  return { value, fallback: undefined, help, read: text };
}

/**
 * Reads a JSON object from a word of the command line.
 *
 * @throws {RangeError} for anything else
 */
export function jsonObject(word: string): JsonObject {
  const expected = "it must be a JSON object";
  let value: unknown;
  try {
    value = JSON.parse(word);
  } catch (cause) {
    throw new RangeError(expected, { cause });
  }
  if (value !== null && typeof value === "object" && !Array.isArray(value)) {
    return value as JsonObject;
  }
  throw new RangeError(expected);
}
