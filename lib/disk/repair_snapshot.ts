import { replaceFile } from "./atomic_file.ts";
import { Damage } from "./damage.ts";
import { readJournal } from "./read_journal.ts";
import { type JournalPosition, START } from "./record.ts";
import { count, describeDamage, freeName, moveAside, type Step } from "./repair_step.ts";
import { readStart, type Segment } from "./segment.ts";
import { encodeSnapshot, readSnapshot, type Salvage, salvageSnapshot } from "./snapshot.ts";

/** The position that the journal starts from after the repair. */
export interface SnapshotPlan {
  readonly after: JournalPosition;
  /** Whether everything up to `after` is known, so that older segments are not needed. */
  readonly isKnown: boolean;
  readonly steps: Step[];
}

/** Looks at `memory.json` and plans its repair. */
export async function planSnapshot(
  folder: string,
  role: string,
  segments: readonly Segment[],
): Promise<SnapshotPlan> {
  const path = `${folder}/memory.json`;
  let damage: Damage;
  try {
    const { position } = await readSnapshot(path, role);
    const isMissing = position === START && segments.length > 0 && segments[0].first > 1;
    if (isMissing) return await planRebuild(path, role, segments);
    return { after: position, isKnown: true, steps: [] };
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    damage = error;
  }
  const { position } = await salvageSnapshot(path);
  if (!(await isInJournal(folder, role, segments, position))) {
    return await planRebuild(path, role, segments, damage);
  }
  const describe = (would: string, aside: string): string =>
    `${describeDamage(damage)}: ${would}moved to "${aside}"; ` +
    "nothing is lost, the journal has it all";
  return { after: START, isKnown: true, steps: [await moveAside(path, describe)] };
}

/** Whether the journal alone holds everything that a snapshot taken at `position` held. */
async function isInJournal(
  folder: string,
  role: string,
  segments: readonly Segment[],
  position: JournalPosition | undefined,
): Promise<boolean> {
  if (segments.length === 0) return false;
  try {
    const journal = await readJournal({ folder, role, segments, after: START, replay: () => {} });
    return journal.position.seq >= (position?.seq ?? 0);
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    return false;
  }
}

/** Plans a new `memory.json` with the entries that can be read, or an empty one if it is missing. */
async function planRebuild(
  path: string,
  role: string,
  segments: readonly Segment[],
  damage?: Damage,
): Promise<SnapshotPlan> {
  const salvage: Salvage = damage === undefined
    ? { entries: new Map(), position: undefined, unreadable: 0 }
    : await salvageSnapshot(path);
  const { entries, position } = salvage;
  const starts = await Promise.all(segments.map((segment) => readStart(segment)));
  const isKnown = position !== undefined &&
    starts.some((start) => start?.seq === position.seq && start.crc === position.crc);
  // If it is not known, the journal may repeat changes that the entries include. That does no harm:
  // the last value of a key wins.
  const after = isKnown
    ? position
    : starts.find((start) => start !== undefined) ?? position ?? START;
  const aside = await freeName(path);
  const run = async (): Promise<void> => {
    const isFile = damage?.offset !== undefined;
    if (isFile) await replaceFile(aside, await Deno.readFile(path));
    else if (damage !== undefined) await Deno.rename(path, aside);
    await replaceFile(path, encodeSnapshot(role, { entries, position: after }));
  };
  const describe = (would: string): string => describeRebuild(path, salvage, aside, would, damage);
  return { after, isKnown, steps: [{ describe, run }] };
}

function describeRebuild(
  path: string,
  { entries, unreadable }: Salvage,
  aside: string,
  would: string,
  damage?: Damage,
): string {
  if (damage === undefined) {
    return `${path}: missing; ${would}begun anew: ` +
      "all that no later record of the journal sets is lost";
  }
  return `${describeDamage(damage)}: ` +
    `${would}rebuilt from ${count(entries.size, "readable entry")}, ` +
    `without ${count(unreadable, "unreadable line")}; ` +
    "which readable entries are unchanged can't be known; " +
    `the damaged file ${would}kept in "${aside}"`;
}
