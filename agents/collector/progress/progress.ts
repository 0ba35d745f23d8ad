/**
 * The collector's memory: how far each file has been collected.
 *
 * A file is recorded when its end is reached, so a task that ends halfway leaves no record. What is
 * recorded counts as collected for good, whatever becomes of the task.
 *
 * @module
 */
import { z } from "zod";
import type { Draft } from "../../define.ts";
import { isUnreadable } from "../inbox/plain_file.ts";

/** Files that are remembered. If the inbox had more, some would be collected over and over. */
const FILES_MAX = 100_000;
/** Share of the files that is forgotten at once when there is no room. */
const FORGOTTEN_SHARE = 0.1;

const PREFIX = "file/";
/** Key of the number of files. It is cheaper to read than all their names; old memories have none. */
const COUNT = "files";

/** How far a file has been collected. */
export const Progress = z.strictObject({
  /** Bytes of the file that are collected, from its start. */
  offset: z.int().nonnegative(),
  /** Line number of what comes next, from 1. */
  line: z.int().positive(),
  /** Time of the file's last change when it was collected, in ms since 1970. */
  modified: z.number(),
  /** Fingerprint of the first `offset` bytes. */
  digest: z.string(),
  /** In ms since 1970. */
  collected_at: z.number(),
});
export type Progress = z.infer<typeof Progress>;

/** Returns how far a file has been collected; `undefined` if it is new. */
export async function readProgress(
  memory: Pick<Draft, "get">,
  path: string,
): Promise<Progress | undefined> {
  return Progress.safeParse(await memory.get(PREFIX + path)).data;
}

/**
 * Records how far a file has been collected. If the memory is full, a new file displaces others.
 *
 * @param max files that are remembered
 */
export async function saveProgress(
  inbox: string,
  memory: Draft,
  path: string,
  progress: Progress,
  max: number = FILES_MAX,
): Promise<void> {
  if (await memory.get(PREFIX + path) === undefined) {
    const counted = await memory.get(COUNT);
    let count = typeof counted === "number" ? counted : (await memory.keys(PREFIX)).length;
    if (count >= max) count = await forget(inbox, memory, max * (1 - FORGOTTEN_SHARE));
    memory.set(COUNT, count + 1);
  }
  memory.set(PREFIX + path, progress);
}

/**
 * Forgets the files that no longer exist, then those that were collected longest ago, until at most
 * `max` are left. Returns how many are left.
 */
async function forget(inbox: string, memory: Draft, max: number): Promise<number> {
  const existing: { key: string; collectedAt: number }[] = [];
  for (const key of await memory.keys(PREFIX)) {
    const path = key.slice(PREFIX.length);
    if (await isGone(`${inbox}/${path}`)) memory.delete(key);
    else existing.push({ key, collectedAt: (await readProgress(memory, path))?.collected_at ?? 0 });
  }
  existing.sort((a, b) => a.collectedAt - b.collectedAt);
  const excess = Math.max(0, existing.length - max);
  for (const { key } of existing.slice(0, excess)) memory.delete(key);
  return existing.length - excess;
}

async function isGone(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return false;
  } catch (error) {
    return isUnreadable(error);
  }
}
