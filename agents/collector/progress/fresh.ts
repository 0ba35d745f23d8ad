/**
 * Decides what of a file has not been collected yet.
 *
 * @module
 */
import type { InboxFile } from "../inbox/inbox_file.ts";
import { isPacked } from "../inbox/unpack.ts";
import { fingerprint } from "./fingerprint.ts";
import type { Progress } from "./progress.ts";

/** Where collecting begins. */
export interface Start {
  readonly offset: number;
  readonly line: number;
}

/** The start of a file. */
export const FROM_START: Start = { offset: 0, line: 1 };

/**
 * Returns where the fresh part of a file begins, or `undefined` if there is none. A file that has
 * only grown is fresh from its former end; a file that was rotated, cut or rewritten is fresh from
 * its start. Opens the file only if its size or time has changed.
 */
export async function freshFrom(
  file: InboxFile,
  progress: Progress | undefined,
): Promise<Start | undefined> {
  if (file.size === 0) return;
  if (progress === undefined) return FROM_START;
  const isSameSize = file.size === progress.offset;
  if (isSameSize && file.modified === progress.modified) return;
  if (!await continues(file, progress)) return FROM_START;
  return isSameSize ? undefined : progress;
}

/** Whether a file begins with what was collected. Packed text that has grown counts as another. */
export async function continues(file: InboxFile, progress: Progress): Promise<boolean> {
  if (file.size < progress.offset) return false;
  const raw = await file.bytes();
  if (await fingerprint(raw, progress.offset) !== progress.digest) return false;
  const head = new Uint8Array(2);
  await raw.read(head, 0);
  return file.size === progress.offset || !isPacked(head);
}
