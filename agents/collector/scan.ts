/**
 * Lists what in the inbox has not been collected yet.
 *
 * @module
 */
import { z } from "zod";
import { CodedError } from "../../lib/errors.ts";
import type { Draft } from "../define.ts";
import { freshFrom } from "./progress/fresh.ts";
import { InboxFile } from "./inbox/inbox_file.ts";
import { readProgress } from "./progress/progress.ts";
import type { CollectorConfig } from "./config.ts";
import { streamOf } from "./inbox/stream_of.ts";
import { TOO_DEEP_MAX, walk } from "./inbox/walk.ts";

/** Files that one scan looks at, so that other requests get their turn. */
const SCAN_FILES_MAX = 5_000;
/** Files that one answer names, so that it fits into a line. */
const ANSWER_FILES_MAX = 1_000;
const SETTLE_MS_DEFAULT = 1_000;
const SETTLE_MS_MAX = 86_400_000;

/** A request for the next part of the inbox. */
export const ScanInput = z.strictObject({
  /** How long a file must have been unchanged, in ms; absence means one second. */
  settle_ms: z.int().min(0).max(SETTLE_MS_MAX).optional(),
});
export type ScanInput = z.infer<typeof ScanInput>;

const FreshFile = z.strictObject({
  path: z.string(),
  stream: z.string(),
  bytes: z.int().nonnegative(),
  /** Bytes that have not been collected. */
  fresh_bytes: z.int().positive(),
  /** Time of the last change, in ms since 1970. */
  modified: z.number(),
});

/** The files of one part that have something to collect. */
export const ScanOutput = z.strictObject({
  /** Longest unchanged first. */
  files: z.array(FreshFile).max(ANSWER_FILES_MAX),
  /** Whether more of the inbox follows: the next scan continues after this part. */
  more: z.boolean(),
  /** Some of the folders that are never looked into, because they lie too deep. */
  too_deep: z.array(z.string()).max(TOO_DEEP_MAX),
});
export type ScanOutput = z.infer<typeof ScanOutput>;

/** Scans an inbox part by part. Each scan continues after the last, so that every file is reached. */
export class Scanner {
  readonly #config: CollectorConfig;
  /** Path after which the next scan continues; absence means the first file. */
  #after: string | undefined;

  constructor(config: CollectorConfig) {
    this.#config = config;
  }

  /**
   * Lists the plain files of the next part that have something to collect and are not being written.
   *
   * @throws {CodedError} `not_found` if the inbox is missing
   */
  async scan(
    { settle_ms = SETTLE_MS_DEFAULT }: ScanInput,
    { memory, signal }: { memory: Pick<Draft, "get">; signal: AbortSignal },
  ): Promise<ScanOutput> {
    const { inbox, now } = this.#config;
    const after = this.#after;
    this.#after = undefined; // a part that can't be scanned must not block the others
    const { paths, next, tooDeep } = await walk(inbox, { after, filesMax: SCAN_FILES_MAX, signal });
    const files: z.infer<typeof FreshFile>[] = [];
    let end = next;
    for (const path of paths) {
      signal.throwIfAborted();
      if (files.length === ANSWER_FILES_MAX) {
        end = files.at(-1)!.path;
        break;
      }
      const fresh = await freshFile(inbox, path, memory);
      // A time ahead of the clock counts as old: the clock was set back, or another machine is ahead.
      if (fresh !== undefined && Math.abs(now() - fresh.modified) >= settle_ms) files.push(fresh);
    }
    files.sort((a, b) => a.modified - b.modified || (a.path < b.path ? -1 : 1));
    this.#after = end;
    return { files, more: end !== undefined, too_deep: tooDeep };
  }
}

async function freshFile(inbox: string, path: string, memory: Pick<Draft, "get">) {
  try {
    const progress = await readProgress(memory, path);
    await using file = await InboxFile.find(inbox, path);
    const start = await freshFrom(file, progress);
    if (start === undefined) return;
    const { size, modified } = file;
    const fresh_bytes = size - start.offset;
    return { path, stream: streamOf(path), bytes: size, fresh_bytes, modified };
  } catch (error) {
    if (error instanceof CodedError) return; // removed or replaced meanwhile: the next scan sees it
    throw error;
  }
}
