/**
 * Calls of the disk that fail, and processes that end between two calls.
 *
 * @module
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { CodedError } from "../../../lib/errors.ts";
import type { Memory } from "../../../lib/disk/memory.ts";
import { Dice } from "../../harness/dice.ts";
import { FaultyDisk, skipSyncs, systemError, unsyncedDisk } from "./faulty_disk.ts";
import { readBack } from "./journals.ts";
import { runKilled } from "./killed.ts";
import {
  changesOf,
  openMemory,
  randomChanges,
  recovered,
  sorted,
  type State,
  stateAfter,
} from "./memories.ts";
import { copyFolder, TempFolder } from "../../harness/temp_folder.ts";

const SEED = 31_337;

Deno.test("Memory that stops at any moment loses no acknowledged change", async () => {
  const dice = new Dice(SEED);
  await using folder = await TempFolder.make();
  using disk = unsyncedDisk();
  await using memory = await openMemory(`${folder.path}/live`);
  const states: State[] = [new Map()];
  let acknowledged = 0;
  let stops = 0;
  const stop = async (): Promise<void> => {
    // As SIGKILL between two calls of the disk: earlier calls are done, and no other.
    const [min, max] = [acknowledged, states.length - 1];
    const copy = `${folder.path}/copy-${stops++}`;
    copyFolder(`${folder.path}/live`, copy);
    const found = JSON.stringify(sorted(await recovered(copy)));
    const possible = states.slice(min, max + 1).map((state) => JSON.stringify(sorted(state)));
    assert(possible.includes(found), `stop ${stops}, seed ${SEED}: ${found}, not ${possible}`);
    await Deno.remove(copy, { recursive: true });
  };
  let failure: unknown;
  let stopping: Promise<void> | undefined;
  disk.fault = async ({ op, path }) => {
    if (path.includes("/live")) {
      while (stopping !== undefined) await stopping;
      if (dice.below(12) === 0) {
        stopping = stop().catch((error) => failure ??= error).finally(() => stopping = undefined);
        await stopping;
      }
    }
    return op === "sync" ? 0 : undefined;
  };
  for (let round = 0; round < 250 && failure === undefined; round++) {
    const commits: Promise<unknown>[] = [];
    for (let count = dice.below(4); count > 0; count--) {
      const changes = randomChanges(dice, round);
      const at = states.push(stateAfter(states.at(-1)!, changes)) - 1;
      commits.push(memory.commit(changes).then(() => acknowledged = Math.max(acknowledged, at)));
    }
    if (dice.below(6) === 0) commits.push(memory.snapshot());
    await Promise.all(commits);
  }
  if (failure !== undefined) throw failure;
  assertGreater(stops, 50);
  disk.fault = skipSyncs;
});

/** The changes of a commit, and what became of them. */
interface Entry {
  readonly id: string;
  fate: "acknowledged" | "rolled back" | "unknown";
}

/** Commits twice at once, three times in a row, the second time during a snapshot. */
async function commitRounds(memory: Memory, opening: number, history: Entry[]): Promise<void> {
  for (let round = 0; round < 3; round++) {
    const commits = [0, 1].map(async (which) => {
      const entry: Entry = { id: `${opening}.${round}.${which}`, fate: "unknown" };
      history.push(entry);
      try {
        await memory.commit(changesOf([entry.id, true], ["last", entry.id]));
        entry.fate = "acknowledged";
      } catch (error) {
        if (!(error as CodedError).maybeDone) entry.fate = "rolled back";
      }
    });
    if (round === 1) commits.push(memory.snapshot().catch(() => {}));
    await Promise.all(commits);
    const last = history.findLast(({ fate }) => fate === "acknowledged");
    assertEquals(memory.get("last"), last?.id);
  }
}

/**
 * Opens a memory twice, commits and closes it, while `lasting` calls in a row fail from the nth on.
 * Judges what is left.
 *
 * @returns whether there was an nth call
 */
async function failsAt(disk: FaultyDisk, code: "ENOSPC" | "EIO", nth: number, lasting: number) {
  await using folder = await TempFolder.make();
  let calls = 0;
  disk.fault = ({ op, path }) => {
    if (!path.startsWith(folder.path)) return;
    calls++;
    if (calls >= nth && calls < nth + lasting) throw systemError(code);
    return op === "sync" ? 0 : undefined;
  };
  const history: Entry[] = [];
  for (let opening = 0; opening < 2; opening++) {
    let memory: Memory;
    try {
      memory = await openMemory(folder.path);
    } catch {
      continue; // the next opening tries again
    }
    try {
      await commitRounds(memory, opening, history);
    } finally {
      await memory[Symbol.asyncDispose]();
    }
  }
  disk.fault = skipSyncs;
  const state = await recovered(folder.path);
  for (const { id, fate } of history) {
    if (fate !== "unknown") assertEquals(state.has(id), fate === "acknowledged", id);
  }
  assertEquals((await folder.names()).filter((name) => name.endsWith(".tmp")), []);
  return calls >= nth;
}

for (const [code, lasting] of [["ENOSPC", 1], ["EIO", 1], ["ENOSPC", 4], ["EIO", 4]] as const) {
  Deno.test(`Memory loses no acknowledged change whichever call fails with ${code}, ${lasting} in a row`, async () => {
    using disk = new FaultyDisk();
    let nth = 1;
    try {
      while (await failsAt(disk, code, nth, lasting)) nth++;
    } catch (cause) {
      throw new Error(`Call ${nth}: ${(cause as Error).message}`, { cause });
    }
    assertGreater(nth, 60);
  });
}

Deno.test("Journal that is killed again and again has every acknowledged number once", async () => {
  await using folder = await TempFolder.make();
  const dice = new Dice(SEED);
  const acknowledged = new Set<number>();
  for (let round = 0; round < 10; round++) {
    const ms = dice.below(60);
    const where = `round ${round}, ${ms} ms, seed ${SEED}`;
    for (const number of await runKilled("./journal_writer.ts", folder.path, ms)) {
      assert(!acknowledged.has(number), `${number} was acknowledged twice, ${where}`);
      acknowledged.add(number);
    }
    const found = await readBack(folder.path);
    if (found instanceof Error) throw found;
    assertEquals(found, found.map((_, at) => at), where);
    assertEquals([...acknowledged].filter((number) => number >= found.length), [], where);
  }
  assertGreater(acknowledged.size, 100);
});

Deno.test("Memory that is killed again and again loses no acknowledged number", async () => {
  await using folder = await TempFolder.make();
  const dice = new Dice(SEED);
  const acknowledged = new Set<number>();
  for (let round = 0; round < 10; round++) {
    const ms = dice.below(60);
    const where = `round ${round}, ${ms} ms, seed ${SEED}`;
    for (const number of await runKilled("./memory_writer.ts", folder.path, ms)) {
      acknowledged.add(number);
    }
    await using memory = await openMemory(folder.path);
    const found = new Map(memory.entries("number/"));
    for (const number of acknowledged) {
      assertEquals(found.get(`number/${number}`), "x".repeat(number % 300), where);
    }
    assertEquals(memory.get("begun"), found.size, where);
  }
  assertGreater(acknowledged.size, 100);
});
