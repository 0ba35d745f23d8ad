/**
 * Makes a memory folder open again that damage keeps shut. What must hold:
 *  1. Without `acceptLoss` nothing is changed; what would be lost is said exactly.
 *  2. Nothing is thrown away: what is taken out is kept beside it, under a name that was free.
 *  3. What is kept is what was there: the records up to the damage. Only where `memory.json` itself
 *     is damaged can a value be wrong, and that is said.
 *  4. Ended in the middle, it can be begun again: each step leaves no less than it found.
 *
 * @module
 */
import { Damage } from "./damage.ts";
import { CodedError } from "../errors.ts";
import { replaceFile, syncFolder } from "./atomic_file.ts";
import { LineReader } from "../lines.ts";
import {
  decodeRecord,
  type JournalPosition,
  peekRecord,
  possibleCrcs,
  RECORD_BYTES_MAX,
  START,
} from "./record.ts";
import { findSegments, newSegment, positionOf, readStart, type Segment } from "./segment.ts";
import { readJournal } from "./read_journal.ts";
import { encodeSnapshot, readSnapshot, salvageSnapshot } from "./snapshot.ts";
import { ignoreMissing, isFromSystem } from "../system_errors.ts";
import { cannotOpen, lockFolder } from "./folder_lock.ts";
import { cutTail } from "./torn_tail.ts";

export interface RepairOptions {
  readonly folder: string;
  readonly role: string;
  /** Repairs; else only says what a repair would lose. */
  readonly acceptLoss: boolean;
  /** Is given each line that people are to read. */
  readonly say: (line: string) => void;
}

/** One change of the folder. */
interface Step {
  /** `would` is what stands before the verb where nothing is done. */
  readonly told: (would: string) => string;
  readonly run: () => Promise<void>;
}

/** What the journal goes on from. */
interface Base {
  readonly after: JournalPosition;
  /** Whether everything up to there is known, so that older segments are not needed. */
  readonly known: boolean;
  readonly steps: Step[];
}

/**
 * Looks for what stops a start, and with `acceptLoss` takes it away.
 *
 * @returns whether the folder opens now
 * @throws {ExitError} `locked` where another process has the folder, `damaged` where what is there
 * is not damaged but another role's or a newer Baton's
 */
export async function repair({ folder, role, acceptLoss, say }: RepairOptions): Promise<boolean> {
  if (await Deno.lstat(folder).catch(ignoreMissing) === undefined) {
    say(`Nothing to repair: there is no "${folder}"`);
    return true;
  }
  using _ = await lockFolder(folder);
  try {
    const steps = await plan(folder, role);
    for (const { told, run } of steps) {
      if (acceptLoss) await run();
      say(told(acceptLoss ? "" : "would be "));
    }
    if (steps.length === 0) say(`Nothing to repair in "${folder}"`);
    else if (acceptLoss) say(`Repaired: "${folder}" opens again`);
    else say(`Nothing is changed; "${role} repair --accept-loss" does it`);
    return acceptLoss || steps.length === 0;
  } catch (error) {
    throw isFromSystem(error) ? cannotOpen(folder, error) : error;
  }
}

async function plan(folder: string, role: string): Promise<Step[]> {
  const segments = await findSegments(folder);
  const base = await findBase(folder, role, segments);
  // Last what says where the journal goes on from: until then a second repair finds the same.
  return [...await planJournal(folder, role, segments, base), ...base.steps];
}

async function findBase(folder: string, role: string, segments: Segment[]): Promise<Base> {
  const path = `${folder}/memory.json`;
  let damage: Damage | undefined;
  try {
    const { mark } = await readSnapshot(path, role);
    const lost = mark === START && segments.length > 0 && segments[0].first > 1;
    if (!lost) return { after: mark, known: true, steps: [] };
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    damage = error;
  }
  if (damage === undefined) return await rebuilt(path, role, segments);
  const { mark } = await salvageSnapshot(path);
  if (!(await suffices(folder, role, segments, mark))) {
    return await rebuilt(path, role, segments, damage);
  }
  const told = (would: string, aside: string): string =>
    `${placed(damage)}: ${would}moved to "${aside}"; nothing is lost, the journal has it all`;
  return { after: START, known: true, steps: [await moveAside(path, told)] };
}

/** Whether the journal alone gives what a snapshot of `mark` held. */
async function suffices(
  folder: string,
  role: string,
  segments: Segment[],
  mark: JournalPosition | undefined,
): Promise<boolean> {
  if (segments.length === 0) return false;
  try {
    const read = await readJournal({ folder, role, segments, after: START, replay: () => {} });
    return read.mark.seq >= (mark?.seq ?? 0);
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    return false;
  }
}

/** Makes `memory.json` anew from what can be read of it, or empty where it is missing. */
async function rebuilt(
  path: string,
  role: string,
  segments: Segment[],
  damage?: Damage,
): Promise<Base> {
  const { entries, mark, unreadable } = damage === undefined
    ? { entries: new Map(), mark: undefined, unreadable: 0 }
    : await salvageSnapshot(path);
  const starts = await Promise.all(segments.map((segment) => readStart(segment)));
  const known = mark !== undefined &&
    starts.some((start) => start?.seq === mark.seq && start.crc === mark.crc);
  // Records that the entries include already may come once more: the last value of a key wins.
  const after = known ? mark : starts.find((start) => start !== undefined) ?? mark ?? START;
  const aside = await freeName(path);
  const told = (would: string): string =>
    damage === undefined
      ? `${path}: missing; ${would}begun anew: all that no later record of the journal sets is lost`
      : `${placed(damage)}: ${would}rebuilt from ${
        count(entries.size, "readable entry")
      }, without ` +
        `${
          count(unreadable, "unreadable line")
        }; which of the readable ones are as they were can't ` +
        `be told; the damaged file ${would}kept in "${aside}"`;
  const run = async (): Promise<void> => {
    const isFile = damage?.offset !== undefined;
    if (isFile) await replaceFile(aside, await Deno.readFile(path));
    else if (damage !== undefined) await Deno.rename(path, aside);
    await replaceFile(path, encodeSnapshot(role, { entries, mark: after }));
  };
  return { after, known, steps: [{ told, run }] };
}

async function planJournal(
  folder: string,
  role: string,
  segments: Segment[],
  { after, known }: Base,
): Promise<Step[]> {
  const steps: Step[] = [];
  const older = segments.filter(({ first }) => first <= after.seq);
  let damage: Damage | undefined;
  try {
    await readJournal({ folder, role, segments, after, replay: () => {} });
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    damage = error;
  }
  if (damage === undefined && known) return steps;
  for (const segment of older) {
    const loss = await lossIn(segment, 0, known ? after.seq : 0);
    if (loss.records > 0) steps.push(await loseWhole(segment, loss));
  }
  if (damage === undefined) return steps;
  const { path, offset = 0 } = damage;
  const later = segments.filter(({ first }) => first > after.seq);
  const at = Math.max(0, later.findIndex((segment) => segment.path === path));
  // The newest first: ended in between, what is left is a journal with the same damage.
  for (const segment of later.slice(offset > 0 ? at + 1 : at).reverse()) {
    const why = segment.path === path ? damage : undefined;
    steps.push(await loseWhole(segment, await lossIn(segment, 0, 0), why));
  }
  if (offset > 0) steps.push(await loseTail(damage, await lossIn(later[at], offset, 0)));
  const fresh = newSegment(folder, role, after);
  if (offset === 0 && at === 0) {
    const missing = later.every((segment) => segment.path !== path);
    const place = missing ? placed(damage) : path;
    steps.push({
      told: (would) => `${place}: ${would}begun anew after record ${after.seq}`,
      run: () => replaceFile(fresh.segment.path, fresh.line),
    });
  }
  return steps;
}

async function loseTail(damage: Damage, loss: Loss): Promise<Step> {
  const { path, offset = 0 } = damage;
  const aside = await freeName(path);
  return {
    told: (would) =>
      `${placed(damage)}: ${would}cut off there, the rest kept in "${aside}"; lost: ${text(loss)}`,
    run: () => cutTail(path, offset, aside),
  };
}

function loseWhole({ path }: Segment, loss: Loss, damage?: Damage): Promise<Step> {
  const place = damage === undefined ? path : placed(damage);
  return moveAside(
    path,
    (would, aside) => `${place}: ${would}moved to "${aside}"; lost: ${text(loss)}`,
  );
}

async function moveAside(
  path: string,
  told: (would: string, aside: string) => string,
): Promise<Step> {
  const aside = await freeName(path);
  const run = async (): Promise<void> => {
    await Deno.rename(path, aside);
    await syncFolder(path.slice(0, path.lastIndexOf("/")));
  };
  return { told: (would) => told(would, aside), run };
}

/** What is lost with a segment, or a part of it; its header is not counted. */
interface Loss {
  readonly records: number;
  /** The numbers of those whose checksum is right. */
  readonly whole: number[];
}

/** Looks at the records from the byte `offset` on whose numbers are greater than `seq`, if told. */
async function lossIn({ path }: Segment, offset: number, seq: number): Promise<Loss> {
  const whole: number[] = [];
  let [records, lines, end] = [0, 0, 0];
  if (!(await Deno.lstat(path)).isFile) return { records, whole };
  using file = await Deno.open(path);
  const { size } = await file.stat();
  let crcs: number[] = [];
  try {
    for await (const line of new LineReader(file).lines(() => RECORD_BYTES_MAX)) {
      const shown = peekRecord(line)?.seq;
      const before = lines === 0 ? [positionOf(line)?.crc ?? START.crc] : crcs;
      const read = typeof shown === "number"
        ? before.map((crc) => decodeRecord(line, { seq: shown - 1, crc })).find(Boolean)
        : undefined;
      // Of a row of damaged ones the nearest are enough.
      crcs = read === undefined ? possibleCrcs(line, before).slice(0, 2) : [read.mark.crc];
      if (lines++ > 0 && end >= offset && (typeof shown !== "number" || shown > seq)) {
        records++;
        if (read !== undefined) whole.push(read.mark.seq);
      }
      end += line.length + 1;
    }
  } catch (error) {
    if (!(error instanceof CodedError)) throw error; // too long for a record: the rest is one
  }
  return { records: records + (end < size ? 1 : 0), whole };
}

function text({ records, whole }: Loss): string {
  const numbers = whole.length === 0 ? "" : ` (${whole[0]} to ${whole.at(-1)})`;
  return `${count(records, "record")}, ${whole.length} of them whole${numbers}`;
}

function count(number: number, thing: string): string {
  const plural = thing.endsWith("y") ? `${thing.slice(0, -1)}ies` : `${thing}s`;
  return `${number} ${number === 1 ? thing : plural}`;
}

function placed({ path, offset, why }: Damage): string {
  return `${path}${offset === undefined ? "" : ` at byte ${offset}`}: ${why}`;
}

/** Beside `path`, and not taken: what an earlier repair kept stays. */
async function freeName(path: string): Promise<string> {
  for (let nth = 1;; nth++) {
    const name = nth === 1 ? `${path}.lost` : `${path}.lost-${nth}`;
    if (await Deno.lstat(name).catch(ignoreMissing) === undefined) return name;
  }
}
