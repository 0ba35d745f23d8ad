/**
 * The collector's memory: what of each file has been collected.
 *
 * A file is recorded when its end has been reached, so a task that ends halfway leaves the file as
 * new as it was. What is recorded counts as collected for good, whatever becomes of the task.
 *
 * @module
 */
import { z } from "zod";
import type { Draft } from "../define.ts";

/** Files that are remembered. */
export const SEEN_MAX = 10_000;
/** How many of them are forgotten at once when there is no room: those collected longest ago. */
const FORGET = 1_000;

const PREFIX = "file/";

export const Seen = z.strictObject({
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
export type Seen = z.infer<typeof Seen>;

/** What has been collected of a file; `undefined` when it is new. */
export async function recallSeen(
  memory: Pick<Draft, "get">,
  path: string,
): Promise<Seen | undefined> {
  return Seen.safeParse(await memory.get(PREFIX + path)).data;
}

/** Records a file, and makes room for it when it is a new one. */
export async function recordSeen(memory: Draft, path: string, seen: Seen): Promise<void> {
  if (await memory.get(PREFIX + path) === undefined) await makeRoom(memory);
  memory.set(PREFIX + path, seen);
}

async function makeRoom(memory: Draft): Promise<void> {
  const keys = await memory.keys(PREFIX);
  if (keys.length < SEEN_MAX) return;
  const aged: [age: number, key: string][] = [];
  for (const key of keys) {
    aged.push([Seen.safeParse(await memory.get(key)).data?.collected_at ?? 0, key]);
  }
  aged.sort(([one], [other]) => one - other);
  for (const [, key] of aged.slice(0, FORGET)) memory.delete(key);
}
