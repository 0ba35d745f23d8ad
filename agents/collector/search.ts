/**
 * Finds the next source of a request that has something to collect.
 *
 * @module
 */
import { CodedError } from "../../lib/errors.ts";
import type { Context } from "../define.ts";
import { type Candidate, candidates } from "./candidates.ts";
import type { CollectInput } from "./collect_shapes.ts";
import type { CollectorConfig } from "./config.ts";
import { InboxFile } from "./inbox/inbox_file.ts";
import { freshFrom, FROM_START, type Start } from "./progress/fresh.ts";
import { readProgress } from "./progress/progress.ts";

type Reading = Pick<Context, "memory" | "signal">;

/** A candidate with something to collect. */
export interface Target {
  readonly candidate: Candidate;
  readonly start: Start;
  /** Absent for an inline text. The caller closes it. */
  readonly file?: InboxFile;
}

/**
 * Yields the targets of a request in order, from its cursor on. Each candidate is looked at once.
 *
 * @returns the first candidate that was passed over, to be named in an answer without content
 */
export async function* search(
  config: CollectorConfig,
  input: CollectInput,
  context: Reading,
): AsyncGenerator<Target, Candidate> {
  const { sources, cursor } = input;
  let passed: Candidate | undefined;
  for await (const candidate of candidates(config.inbox, sources, context.signal, cursor)) {
    context.signal.throwIfAborted();
    const target = await targetOf(config, input, context, candidate);
    if (target !== undefined) yield target;
    else passed ??= candidate;
  }
  return passed ?? { source: sources.length - 1 };
}

async function targetOf(
  { inbox }: CollectorConfig,
  { sources, only_new }: CollectInput,
  { memory }: Reading,
  candidate: Candidate,
): Promise<Target | undefined> {
  const { path } = candidate;
  const source = sources[candidate.source];
  if ("text" in source) return source.text === "" ? undefined : { candidate, start: FROM_START };
  if (path === undefined) return;
  try {
    // Read first, so that little time passes between looking the file up and opening it.
    const progress = only_new ? await readProgress(memory, path) : undefined;
    await using stack = new AsyncDisposableStack();
    const file = stack.use(await InboxFile.find(inbox, path));
    const start = await freshFrom(file, progress);
    if (start === undefined) return;
    stack.move();
    return { candidate, start, file };
  } catch (error) {
    // A file that matched a glob may be removed or replaced before it is looked at.
    if ("glob" in source && error instanceof CodedError) return;
    throw error;
  }
}
