import { ExitError } from "../../../lib/exit.ts";
import { Journal, type JournalOptions } from "../../../lib/disk/journal.ts";
import type { Json } from "../../../lib/json.ts";
import { START } from "../../../lib/disk/record.ts";

/** An open journal, and what it has reported so far. */
export interface OpenedJournal {
  readonly journal: Journal;
  readonly replayed: Json[];
  /** `rolled back` and `failed`, in the order of the calls. */
  readonly reports: string[];
  readonly log: { event: string; fields: Record<string, unknown> }[];
}

/** Opens the journal of a folder. */
export async function openJournal(
  folder: string,
  options: Partial<JournalOptions> = {},
): Promise<OpenedJournal> {
  const replayed: Json[] = [];
  const reports: string[] = [];
  const log: OpenedJournal["log"] = [];
  const journal = await Journal.open({
    folder,
    role: "tester",
    after: START,
    replay: (rec) => replayed.push(rec),
    onRollback: () => reports.push("rolled back"),
    onFailed: () => reports.push("failed"),
    log: (_level, event, fields = {}) => log.push({ event, fields }),
    ...options,
  });
  return { journal, replayed, reports, log };
}

/** Opens a journal and closes it. Returns its records, or the error that says why it does not open. */
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
