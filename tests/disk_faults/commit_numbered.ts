import { CodedError } from "../../lib/errors.ts";
import type { Memory } from "../../lib/disk/memory.ts";
import { changesOf, IN_FLIGHT, isLazy, numbersIn } from "./numbered.ts";

/** How many numbered changes are committed, and how. */
export interface CommitOptions {
  readonly seed: number;
  readonly commits: number;
  /** A snapshot is taken after each such number of changes. */
  readonly snapshotEvery: number;
  /** Receives one line per outcome: `ack 7` or `refused 7 storage_full`. */
  readonly report: (line: string) => void;
}

/** Commits the numbers that follow those in `memory`, `IN_FLIGHT` at once, and closes it. */
export async function commitNumbered(
  memory: Memory,
  { seed, commits, snapshotEvery, report }: CommitOptions,
): Promise<void> {
  let next = (numbersIn(new Map(memory.entries(""))).at(-1) ?? -1) + 1;
  const end = next + commits;

  const commitInTurn = async (): Promise<void> => {
    while (next < end) {
      const number = next++;
      try {
        await memory.commit(changesOf(seed, number), { lazy: isLazy(number) });
        report(`ack ${number}`);
      } catch (error) {
        report(`refused ${number} ${error instanceof CodedError ? error.code : error}`);
      }
      if (number % snapshotEvery !== snapshotEvery - 1) continue;
      await memory.snapshot().catch((error) => report(`no snapshot: ${error}`));
    }
  };

  await Promise.all(Array.from({ length: IN_FLIGHT }, commitInTurn));
  await memory[Symbol.asyncDispose]();
}
