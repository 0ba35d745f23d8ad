/**
 * Tells what in the inbox has not been collected yet.
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

/** Files that one scan looks at, so that others come to their turn. */
const SCAN_FILES_MAX = 5_000;
/** Files that one answer names, so that it fits into a line. */
const FRESH_MAX = 1_000;
const SETTLE_MS = 1_000;
const SETTLE_MS_MAX = 86_400_000;

export const ScanInput = z.strictObject({
  /** How long a file must have been left alone, in milliseconds; absence means a second. */
  settle_ms: z.int().min(0).max(SETTLE_MS_MAX).optional(),
});
export type ScanInput = z.infer<typeof ScanInput>;

const Fresh = z.strictObject({
  path: z.string(),
  stream: z.string(),
  bytes: z.int().nonnegative(),
  /** How many of them have not been collected. */
  fresh_bytes: z.int().positive(),
  /** Milliseconds since 1970. */
  modified: z.number(),
});

export const ScanOutput = z.strictObject({
  /** The longest unchanged first. */
  files: z.array(Fresh).max(FRESH_MAX),
  /** Whether a part of the inbox was looked at: the next scan goes on behind it. */
  more: z.boolean(),
  /** Folders that are never looked into, since they lie too deep; some of them. */
  too_deep: z.array(z.string()).max(TOO_DEEP_MAX),
});
export type ScanOutput = z.infer<typeof ScanOutput>;

/** Scans an inbox part by part, each time behind the last one, so that all of it has its turn. */
export class Scanner {
  readonly #setting: CollectorConfig;
  /** Where the next scan goes on; absence means at the first file. */
  #after: string | undefined;

  constructor(setting: CollectorConfig) {
    this.#setting = setting;
  }

  /**
   * Lists the plain files that have something to collect and are not being written.
   *
   * @throws {CodedError} `not_found` when the inbox is missing
   */
  async scan(
    { settle_ms = SETTLE_MS }: ScanInput,
    { memory, signal }: { memory: Pick<Draft, "get">; signal: AbortSignal },
  ): Promise<ScanOutput> {
    const { inbox, now } = this.#setting;
    const after = this.#after;
    this.#after = undefined; // a part that can't be scanned must not keep the others waiting
    const { paths, next, tooDeep } = await walk(inbox, { after, filesMax: SCAN_FILES_MAX, signal });
    const files: z.infer<typeof Fresh>[] = [];
    let end = next;
    for (const path of paths) {
      signal.throwIfAborted();
      if (files.length === FRESH_MAX) {
        end = files.at(-1)!.path;
        break;
      }
      const fresh = await freshFile(inbox, path, memory);
      // The other direction is a clock that was set back, or a file from a machine that is ahead.
      if (fresh !== undefined && Math.abs(now() - fresh.modified) >= settle_ms) files.push(fresh);
    }
    files.sort((one, other) => one.modified - other.modified || (one.path < other.path ? -1 : 1));
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
    if (error instanceof CodedError) return; // it went, or changed its kind: the next scan sees it
    throw error;
  }
}
