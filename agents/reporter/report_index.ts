import { z } from "zod";
import type { Json } from "../../lib/json.ts";
import { TaskId } from "../../lib/wire/protocol.ts";
import { addCounts } from "../add_counts.ts";
import type { Draft } from "../define.ts";
import { Summary } from "./content/summary.ts";

/** Reports in the index and on disk; the oldest are evicted first. */
export const REPORTS_MAX = 500;

const PREFIX = "report/";

/** A report as memory holds it, under `report/<task>`; numbers rise in the order of writing. */
const StoredReport = Summary.extend({ task: TaskId, number: z.int().positive() });
type StoredReport = z.infer<typeof StoredReport>;

/**
 * The reports that memory knows. Entries that cannot be read are only counted, and are evicted
 * first.
 */
export class ReportIndex {
  readonly #memory: Draft;
  /** Oldest first. */
  #reports: StoredReport[] = [];
  /** Tasks whose entry cannot be read. */
  #unreadable: string[] = [];

  private constructor(memory: Draft) {
    this.#memory = memory;
  }

  /** Reads the index from memory. */
  static async read(memory: Draft): Promise<ReportIndex> {
    const index = new ReportIndex(memory);
    const keys = await memory.keys(PREFIX);
    const values = await Promise.all(keys.map((key) => memory.get(key)));
    values.forEach((value, at) => index.#addStored(keys[at].slice(PREFIX.length), value));
    index.#reports.sort(byNumber);
    return index;
  }

  /** All reports, newest first. */
  get reports(): Summary[] {
    return this.#reports.map(summaryOf).reverse();
  }

  /** Number of entries that cannot be read. */
  get unreadable(): number {
    return this.#unreadable.length;
  }

  /** The last report of a stream before that of a task; null if there is none. */
  previous(stream: string, task: string): Summary | null {
    const number = this.#numberOf(task);
    const previous = this.#reports.findLast((report) =>
      report.stream === stream && report.number < number
    );
    return previous ? summaryOf(previous) : null;
  }

  /**
   * Adds a report, in place of an earlier report of its task, and evicts entries over
   * `REPORTS_MAX`.
   *
   * @returns the tasks of the evicted entries, among them perhaps invalid ids
   */
  add(summary: Summary): string[] {
    const { task } = summary;
    const report = StoredReport.parse({ ...summary, number: this.#numberOf(task) });
    this.#memory.set(PREFIX + task, report);
    this.#reports = [...this.#reports.filter((other) => other.task !== task), report].sort(
      byNumber,
    );
    this.#unreadable = this.#unreadable.filter((other) => other !== task);

    const over = Math.max(0, this.#unreadable.length + this.#reports.length - REPORTS_MAX);
    const evicted = this.#unreadable.splice(0, over);
    const oldest = this.#reports.splice(0, over - evicted.length);
    evicted.push(...oldest.map(({ task }) => task));
    for (const task of evicted) this.#memory.delete(PREFIX + task);
    return evicted;
  }

  #addStored(task: string, value: Json | undefined): void {
    const { data } = StoredReport.safeParse(value);
    if (data?.task === task) this.#reports.push(data);
    else this.#unreadable.push(task);
  }

  /** The number of a task's report, or the next free number: a repeat keeps its place. */
  #numberOf(task: string): number {
    return this.#reports.find((report) => report.task === task)?.number ??
      addCounts(this.#reports.at(-1)?.number ?? 0, 1);
  }
}

function summaryOf({ number: _, ...summary }: StoredReport): Summary {
  return summary;
}

function byNumber(a: StoredReport, b: StoredReport): number {
  return a.number - b.number;
}
