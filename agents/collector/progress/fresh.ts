/**
 * What of a file has not been collected yet.
 *
 * @module
 */
import { type Bytes, fileBytes } from "../inbox/bytes.ts";
import { fingerprint } from "./fingerprint.ts";
import { type InboxFile, openPlain } from "../inbox/plain_file.ts";
import type { Progress } from "./progress.ts";
import { isPacked } from "../inbox/unpack.ts";

/** Where collecting begins. */
export interface Start {
  readonly offset: number;
  readonly line: number;
}

export const FROM_START: Start = { offset: 0, line: 1 };

/**
 * Gives where the fresh part of a file begins, or `undefined` when there is none. A file that has
 * only grown goes on where it ended; one that was rotated, cut or written anew is fresh from its
 * start. Opens the file only when its size or time has changed.
 */
export async function freshFrom(
  inbox: string,
  found: InboxFile,
  seen: Progress | undefined,
): Promise<Start | undefined> {
  if (found.size === 0) return;
  if (seen === undefined) return FROM_START;
  if (found.size === seen.offset && found.modified === seen.modified) return;
  const { file } = await openPlain(inbox, found.path);
  await using _closing = { [Symbol.asyncDispose]: () => file.close() };
  const raw = fileBytes(file, found.size);
  if (!await goesOn(raw, seen)) return FROM_START;
  return found.size === seen.offset ? undefined : seen;
}

/** Packed text can't be appended to: what has grown is another file. */
async function goesOn(raw: Bytes, seen: Progress): Promise<boolean> {
  if (raw.size < seen.offset || await fingerprint(raw, seen.offset) !== seen.digest) return false;
  const head = new Uint8Array(2);
  await raw.read(head, 0);
  return raw.size === seen.offset || !isPacked(head);
}
