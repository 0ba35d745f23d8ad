/**
 * Makes a memory's folder open again that is damaged. What must hold:
 *  1. Without `acceptLoss` nothing changes, and what would be lost is reported exactly.
 *  2. Nothing is thrown away: what is removed is kept beside it, under a name that was free.
 *  3. The repaired memory is what was there: the records up to the damage. Only if `memory.json`
 *     itself is damaged can a value be wrong, and the repair says so.
 *  4. A repair that ends in the middle can be started again: no step removes what a later one needs.
 *
 * @module
 */
import { cannotOpen, lockFolder } from "./folder_lock.ts";
import { planJournal } from "./repair_journal.ts";
import { planSnapshot } from "./repair_snapshot.ts";
import type { Step } from "./repair_step.ts";
import { findSegments } from "./segment.ts";
import { ignoreMissing, isFromSystem } from "../system_errors.ts";

/** What to repair, and whether to do it. */
export interface RepairOptions {
  readonly folder: string;
  readonly role: string;
  /** Whether to repair; if not, only reports what a repair would lose. */
  readonly acceptLoss: boolean;
  /** Receives each line that people are to read. */
  readonly say: (line: string) => void;
}

/**
 * Looks for damage that keeps a memory from opening. With `acceptLoss` removes it.
 *
 * @returns whether the folder opens now
 * @throws {ExitError} `locked` if another process has the folder; `damaged` if the files are not
 * damaged but belong to another role or a newer Baton
 */
export async function repair({ folder, role, acceptLoss, say }: RepairOptions): Promise<boolean> {
  if (await Deno.lstat(folder).catch(ignoreMissing) === undefined) {
    say(`Nothing to repair: there is no "${folder}"`);
    return true;
  }
  using _ = await lockFolder(folder);
  try {
    const steps = await plan(folder, role);
    for (const { describe, run } of steps) {
      if (acceptLoss) await run();
      say(describe(acceptLoss ? "" : "would be "));
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
  const snapshot = await planSnapshot(folder, role, segments);
  // The snapshot is repaired last: until then a second repair starts from the same position.
  return [...await planJournal(folder, role, segments, snapshot), ...snapshot.steps];
}
