/**
 * Tells what in the inbox has not been collected yet.
 *
 * @module
 */
import { z } from "zod";
import { CodedError } from "../../lib/errors.ts";
import type { Draft } from "../define.ts";
import { freshFrom } from "./fresh.ts";
import { findPlain } from "./plain_file.ts";
import { recallSeen } from "./seen.ts";
import type { Setting } from "./setting.ts";
import { streamOf } from "./stream_of.ts";
import { walk } from "./walk.ts";

/** Files that one answer names, so that it fits into a line. */
export const SCAN_FILES_MAX = 1_000;
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
  files: z.array(Fresh),
  /** Whether there are more than a scan looks at or an answer holds. */
  more: z.boolean(),
});
export type ScanOutput = z.infer<typeof ScanOutput>;

/**
 * Lists the plain files of the inbox that have something to collect and are not being written.
 *
 * @throws {CodedError} `not_found` when the inbox is missing
 */
export async function scan(
  { inbox, now }: Setting,
  { settle_ms = SETTLE_MS }: ScanInput,
  { memory, signal }: { memory: Pick<Draft, "get">; signal: AbortSignal },
): Promise<ScanOutput> {
  const { paths, more } = await walk(inbox);
  const files: z.infer<typeof Fresh>[] = [];
  for (const path of paths) {
    signal.throwIfAborted();
    const fresh = await freshFile(inbox, path, memory);
    // The other direction is a clock that was set back, or a file from a machine that is ahead.
    if (fresh !== undefined && Math.abs(now() - fresh.modified) >= settle_ms) files.push(fresh);
  }
  files.sort((one, other) => one.modified - other.modified || (one.path < other.path ? -1 : 1));
  return { files: files.slice(0, SCAN_FILES_MAX), more: more || files.length > SCAN_FILES_MAX };
}

async function freshFile(inbox: string, path: string, memory: Pick<Draft, "get">) {
  try {
    const found = await findPlain(inbox, path);
    const start = await freshFrom(inbox, found, await recallSeen(memory, path));
    if (start === undefined) return;
    const { size, modified } = found;
    const fresh_bytes = size - start.offset;
    return { path, stream: streamOf(path), bytes: size, fresh_bytes, modified };
  } catch (error) {
    if (error instanceof CodedError) return; // it went, or changed its kind: the next scan sees it
    throw error;
  }
}
