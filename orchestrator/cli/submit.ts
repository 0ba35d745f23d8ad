/**
 * The subcommand `submit`: collects the pipeline's input, submits it, and may wait for the result.
 *
 * @module
 */
import { ExitError } from "../../lib/exit.ts";
import type { JsonObject } from "../../lib/json.ts";
import { printable } from "../../lib/printable.ts";
import type { Values } from "../../lib/process/settings.ts";
import type { SUBMIT } from "./flags.ts";
import { showResult } from "./follow.ts";
import type { Remote } from "./remote.ts";
import { show } from "./show.ts";

const STDIN_BYTES_MAX = 1024 * 1024;
/** The API rejects a longer label. */
const LABEL_CHARS_MAX = 200;
/** A task whose deadline has passed gets this long to end. */
const END_S = 5;

/** `submit [FILE…]`: submits a task. With `--wait` it shows progress and prints the result. */
export async function submit(
  remote: Remote,
  files: readonly string[],
  flags: Values<typeof SUBMIT>,
): Promise<number> {
  const reply = await remote.ask("submit", await submitBody(files, flags, Deno.stdin.readable));
  const { deadline, wait, json } = flags;
  if (wait) return await showResult(remote, reply.task as string, deadline + END_S, json);
  return show(json, reply, () => [printable(String(reply.task))]);
}

/**
 * Returns the body of the request. Unless `--input` is given, the input is one of the pipeline
 * `report`: files and globs of the inbox, `-` for stdin, and `--text`, in this order.
 *
 * @throws {ExitError} `usage` if there is nothing to submit, or more than 1 MiB on stdin
 */
export async function submitBody(
  files: readonly string[],
  flags: Values<typeof SUBMIT>,
  stdin: ReadableStream<Uint8Array>,
): Promise<JsonObject> {
  const { pipeline, key, deadline } = flags;
  const input = flags.input ?? await collectInput(files, flags, stdin);
  const label = flags.label ?? (files.length > 0 ? files.join(" ") : "text");
  return {
    pipeline,
    input,
    label: label.slice(0, LABEL_CHARS_MAX),
    deadline_ms: deadline * 1_000,
    ...(key === undefined ? {} : { key }),
  };
}

async function collectInput(
  files: readonly string[],
  { text, stream, "only-new": onlyNew }: Values<typeof SUBMIT>,
  stdin: ReadableStream<Uint8Array>,
): Promise<JsonObject> {
  const sources: JsonObject[] = [];
  for (const file of files) {
    if (file === "-") sources.push({ text: await readAll(stdin), name: stream ?? "stdin" });
    else sources.push(/[*?[{]/.test(file) ? { glob: file } : { file });
  }
  if (text !== undefined) sources.push({ text, name: stream ?? "text" });
  if (sources.length === 0) {
    throw new ExitError("usage", "Cannot submit nothing: name files of the inbox, - or --text");
  }
  const input: JsonObject = { sources };
  if (stream !== undefined) input.stream = stream;
  if (onlyNew) input.only_new = true;
  return input;
}

async function readAll(stdin: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "", bytes = 0;
  for await (const part of stdin) {
    text += decoder.decode(part, { stream: true });
    bytes += part.length;
    if (bytes > STDIN_BYTES_MAX) {
      throw new ExitError("usage", "Cannot take more than 1 MiB from stdin: put it in the inbox");
    }
  }
  return text + decoder.decode();
}
