/**
 * The collector's memory: what of each file has been collected.
 *
 * A file is recorded when its end has been reached, so a task that ends halfway leaves the file as
 * new as it was. What is recorded counts as collected for good, whatever becomes of the task.
 *
 * @module
 */
import { z } from "zod";
import type { Draft } from "../../define.ts";
import { isOutOfReach } from "../inbox/plain_file.ts";

/** Files that are remembered: more of them in the inbox would be collected over and over. */
export const SEEN_MAX = 100_000;
/** Which part of them is forgotten at once when there is no room. */
const FORGOTTEN = 0.1;

const PREFIX = "file/";
/** How many there are, which is cheaper to read than all of their names; absent in old memories. */
const COUNT = "files";

export const Progress = z.strictObject({
  /** Bytes of the file that are collected, from its start. */
  offset: z.int().nonnegative(),
  /** Line number of what comes next, from 1. */
  line: z.int().positive(),
  /** The file's time of change when it was collected, in milliseconds since 1970. */
  modified: z.number(),
  /** The mark of the first `offset` bytes. */
  digest: z.string(),
  /** Milliseconds since 1970. */
  collected_at: z.number(),
});
export type Progress = z.infer<typeof Progress>;

/** What has been collected of a file; `undefined` when it is new. */
export async function readProgress(
  memory: Pick<Draft, "get">,
  path: string,
): Promise<Progress | undefined> {
  return Progress.safeParse(await memory.get(PREFIX + path)).data;
}

/**
 * Records a file, and makes room for it when it is a new one.
 *
 * @param max files that are remembered
 */
export async function saveProgress(
  inbox: string,
  memory: Draft,
  path: string,
  seen: Progress,
  max: number = SEEN_MAX,
): Promise<void> {
  if (await memory.get(PREFIX + path) === undefined) {
    const counted = await memory.get(COUNT);
    let count = typeof counted === "number" ? counted : (await memory.keys(PREFIX)).length;
    if (count >= max) count = await makeRoom(inbox, memory, max * (1 - FORGOTTEN));
    memory.set(COUNT, count + 1);
  }
  memory.set(PREFIX + path, seen);
}

/**
 * Forgets the files that are gone, and where these are few, those that were collected longest ago,
 * until there are `most`; gives how many are left.
 */
async function makeRoom(inbox: string, memory: Draft, most: number): Promise<number> {
  const keys = await memory.keys(PREFIX);
  const there: [age: number, key: string][] = [];
  for (const key of keys) {
    if (await isGone(`${inbox}/${key.slice(PREFIX.length)}`)) memory.delete(key);
    else there.push([Progress.safeParse(await memory.get(key)).data?.collected_at ?? 0, key]);
  }
  there.sort(([one], [other]) => one - other);
  const tooMany = Math.max(0, there.length - most);
  for (const [, key] of there.slice(0, tooMany)) memory.delete(key);
  return there.length - tooMany;
}

async function isGone(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return false;
  } catch (error) {
    return isOutOfReach(error);
  }
}
