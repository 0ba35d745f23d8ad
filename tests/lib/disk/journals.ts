import { ExitError } from "../../../lib/exit.ts";
import { Journal, type JournalOptions } from "../../../lib/disk/journal.ts";
import type { Json } from "../../../lib/json.ts";
import { START } from "../../../lib/disk/record.ts";

/** A journal that is open, and what it told while it opened and since. */
export interface Opened {
  readonly journal: Journal;
  readonly replayed: Json[];
  /** In the order in which they came. */
  readonly told: string[];
  readonly log: { event: string; fields: Record<string, unknown> }[];
}

export async function openJournal(
  folder: string,
  options: Partial<JournalOptions> = {},
): Promise<Opened> {
  const replayed: Json[] = [];
  const told: string[] = [];
  const log: Opened["log"] = [];
  const journal = await Journal.open({
    folder,
    role: "tester",
    after: START,
    replay: (rec) => replayed.push(rec),
    onRollback: () => told.push("rolled back"),
    onFailed: () => told.push("failed"),
    log: (_level, event, fields = {}) => log.push({ event, fields }),
    ...options,
  });
  return { journal, replayed, told, log };
}

/** What a journal gives back, or the error that says why it can't. */
export async function readBack(
  folder: string,
  options: Partial<JournalOptions> = {},
): Promise<Json[] | ExitError> {
  try {
    const { journal, replayed } = await openJournal(folder, options);
    await journal.close();
    return replayed;
  } catch (error) {
    if (error instanceof ExitError) return error;
    throw error;
  }
}
