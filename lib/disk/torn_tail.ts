/**
 * The torn tail of a journal: what a write that never finished leaves at the end of a segment. It is
 * cut off and kept beside the segment, as `<segment>.cut-at-<offset>`, for people to inspect. A
 * process that is killed again and again leaves many of them, so only the newest few are kept.
 *
 * @module
 */
import { replaceFile, syncFolder } from "./atomic_file.ts";
import type { Log } from "../log.ts";
import type { SegmentRead } from "./read_segment.ts";
import { type Disk, SYSTEM } from "../system.ts";

/** Torn tails that are kept for one memory. */
const TAILS_MAX = 4;
/** File systems write in multiples of this. */
const SECTOR_BYTES = 512;

const NAME = /^journal-(\d{12,16})\.ndjson\.cut-at-(\d+)$/;
const LINE_FEED = 0x0a;
const NUL = 0;

/**
 * Whether a write that never finished explains what follows `end`: a line without its line feed, or
 * sectors that the file system added to the file but never filled. A NUL elsewhere is damage.
 */
export async function isTorn(path: string, end: number, disk = SYSTEM.disk): Promise<boolean> {
  const tail = await readFrom(path, end, disk);
  return !tail.includes(LINE_FEED) || hasHole(tail, end);
}

/** Looks for sectors that are all NUL, as etcd's log does (`server/storage/wal/decoder.go`). */
function hasHole(tail: Uint8Array, end: number): boolean {
  for (let at = tail.indexOf(NUL); at >= 0; at = tail.indexOf(NUL, at)) {
    const start = at;
    while (at < tail.length && tail[at] === NUL) at++;
    const begins = start === 0 || (end + start) % SECTOR_BYTES === 0;
    if (begins && (at === tail.length || (end + at) % SECTOR_BYTES === 0)) return true;
  }
  return false;
}

/**
 * Cuts a segment's torn tail off and logs it. A segment without a whole header is removed: the process
 * was killed while the segment began, so the segment before it is the last.
 *
 * @returns whether the segment is still there
 */
export async function cutTornTail(
  folder: string,
  path: string,
  { position, end, size }: SegmentRead,
  log: Log,
  disk: Disk,
): Promise<boolean> {
  const kept_in = size > end ? await keepTail(folder, path, end, disk) : undefined;
  log("warn", "journal_tail_cut", { path, offset: end, bytes: size - end, kept_in });
  if (position !== undefined) return true;
  await disk.remove(path);
  await syncFolder(folder, disk);
  return false;
}

/** Cuts the tail off and keeps it beside the segment, in place of the oldest tail if there are too many. */
async function keepTail(folder: string, path: string, end: number, disk: Disk): Promise<string> {
  const older = await findTails(folder, disk);
  // The folder's sync puts the removals on disk together with the new tail's name, so that a crash
  // leaves no more than `TAILS_MAX`.
  for (const tail of older.slice(TAILS_MAX - 1)) await disk.remove(tail);
  const aside = `${path}.cut-at-${end}`;
  await cutTail(path, end, aside, disk);
  return aside;
}

/** Returns the kept tails, the newest first. The newest are those furthest on in the journal. */
async function findTails(folder: string, disk: Disk): Promise<string[]> {
  const tails: { path: string; first: number; end: number }[] = [];
  for await (const { name } of disk.readDir(folder)) {
    const [, first, end] = NAME.exec(name) ?? [];
    const path = `${folder}/${name}`;
    if (first === undefined || !(await disk.lstat(path)).isFile) continue;
    tails.push({ path, first: Number(first), end: Number(end) });
  }
  return tails.sort((a, b) => b.first - a.first || b.end - a.end).map(({ path }) => path);
}

/** Cuts a file off at `end` and keeps the rest under the path `aside`, in the same folder. */
export async function cutTail(
  path: string,
  end: number,
  aside: string,
  disk = SYSTEM.disk,
): Promise<void> {
  await replaceFile(aside, await readFrom(path, end, disk), disk);
  using file = await disk.open(path, { write: true });
  await file.truncate(end);
  await file.sync();
}

async function readFrom(path: string, offset: number, disk: Disk): Promise<Uint8Array> {
  using file = await disk.open(path);
  const { size } = await file.stat();
  await file.seek(offset, Deno.SeekMode.Start);
  const bytes = new Uint8Array(Math.max(0, size - offset));
  let end = 0;
  while (end < bytes.length) {
    const read = await file.read(bytes.subarray(end));
    if (read === null) break;
    end += read;
  }
  return bytes.subarray(0, end);
}
