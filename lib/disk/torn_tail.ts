/**
 * The torn tails of a memory's journal: each is cut off and kept beside its segment, as
 * `<segment>.cut-at-<offset>`, for people to look at. A process that is killed again and again leaves
 * many of them, so the newest few are kept alone.
 *
 * @module
 */
import { cutTail, type Segment } from "./segment.ts";
import type { Disk } from "../system.ts";

/** Of one memory. */
const TAILS_MAX = 4;

const NAME = /^journal-(\d{12,16})\.ndjson\.cut-at-(\d+)$/;

/**
 * Cuts a segment off at `end` and keeps what was there. Of the tails before it those go that are too
 * many then.
 *
 * @returns the path of what is kept
 */
export async function cutTornTail(
  folder: string,
  { path }: Segment,
  end: number,
  disk: Disk,
): Promise<string> {
  const before = await findTails(folder, disk);
  // On disk with the name of the new one: a crash in between leaves no more than there may be.
  for (const tail of before.slice(TAILS_MAX - 1)) await disk.remove(tail);
  const aside = `${path}.cut-at-${end}`;
  await cutTail(path, end, aside, disk);
  return aside;
}

/** The newest first: those furthest on in the journal. */
async function findTails(folder: string, disk: Disk): Promise<string[]> {
  const found: { path: string; first: number; end: number }[] = [];
  for await (const { name } of disk.readDir(folder)) {
    const [, first, end] = NAME.exec(name) ?? [];
    const path = `${folder}/${name}`;
    if (first === undefined || !(await disk.lstat(path)).isFile) continue;
    found.push({ path, first: Number(first), end: Number(end) });
  }
  return found.sort((a, b) => b.first - a.first || b.end - a.end).map(({ path }) => path);
}
