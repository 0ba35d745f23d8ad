/**
 * Which of the sources is the next to be collected.
 *
 * @module
 */
import { CodedError } from "../../lib/errors.ts";
import type { Context } from "../define.ts";
import { type Candidate, candidates } from "./candidates.ts";
import type { CollectInput, Cursor } from "./collect_shapes.ts";
import { freshFrom, FROM_START, type Start } from "./progress/fresh.ts";
import { findPlain } from "./inbox/plain_file.ts";
import { readProgress } from "./progress/progress.ts";
import type { CollectorConfig } from "./config.ts";

type Reading = Pick<Context, "memory" | "signal">;

/** The first candidate with something to give; without one, the first of all and no start. */
export interface Target {
  readonly candidate: Candidate;
  readonly start?: Start;
}

/** Searches from a cursor on that has not been begun; absence means from the first source. */
export function searchFrom(
  cursor: Cursor | undefined,
  setting: CollectorConfig,
  input: CollectInput,
  context: Reading,
): Promise<Target> {
  return search(
    candidates(setting.inbox, input.sources, context.signal, cursor),
    setting,
    input,
    context,
  );
}

/** Searches behind a candidate that has been collected. */
export function searchBehind(
  last: Candidate,
  setting: CollectorConfig,
  input: CollectInput,
  context: Reading,
): Promise<Target> {
  return search(behind(last, setting, input, context), setting, input, context);
}

async function* behind(
  last: Candidate,
  { inbox }: CollectorConfig,
  { sources }: CollectInput,
  { signal }: Reading,
) {
  for await (const candidate of candidates(inbox, sources, signal, last)) {
    if (candidate.source !== last.source || candidate.path !== last.path) yield candidate;
  }
}

async function search(
  among: AsyncIterable<Candidate>,
  setting: CollectorConfig,
  input: CollectInput,
  context: Reading,
): Promise<Target> {
  let first: Candidate | undefined;
  for await (const candidate of among) {
    context.signal.throwIfAborted();
    const start = await startOf(setting, input, context, candidate);
    if (start !== undefined) return { candidate, start };
    first ??= candidate;
  }
  return { candidate: first ?? { source: input.sources.length - 1 } };
}

async function startOf(
  { inbox }: CollectorConfig,
  { sources, only_new }: CollectInput,
  { memory }: Reading,
  { source: index, path }: Candidate,
): Promise<Start | undefined> {
  const source = sources[index];
  if ("text" in source) return source.text === "" ? undefined : FROM_START;
  if (path === undefined) return;
  try {
    const found = await findPlain(inbox, path);
    return await freshFrom(inbox, found, only_new ? await readProgress(memory, path) : undefined);
  } catch (error) {
    // A file that a glob found may go or change its kind before it is looked at.
    if ("glob" in source && error instanceof CodedError) return;
    throw error;
  }
}
