/**
 * What a memory's folder gives when it is opened after a crash.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { TEMPORARY } from "../../lib/disk/atomic_file.ts";
import { Memory } from "../../lib/disk/memory.ts";
import type { Json } from "../../lib/json.ts";
import { changesOf, judge, numbersIn, type Told } from "./numbered.ts";

export interface Opened extends AsyncDisposable {
  readonly memory: Memory;
  readonly state: ReadonlyMap<string, Json>;
  /** What it logged so far, by event. */
  readonly logged: Map<string, Record<string, unknown>>;
}

/** Opens a folder of the writer. */
export async function open(folder: string): Promise<Opened> {
  const logged = new Map<string, Record<string, unknown>>();
  const memory = await Memory.open({
    folder,
    role: "writer",
    log: (_level, event, fields = {}) => logged.set(event, fields),
    onFailed: (error) => {
      throw error;
    },
  });
  return {
    memory,
    state: new Map(memory.entries("")),
    logged,
    [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose](),
  };
}

export async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
}

/**
 * Opens the folder, judges what is in it, goes on, and opens it again: nothing else may be there then.
 *
 * @returns whether a torn tail was cut off
 */
export async function reopenAndJudge(folder: string, seed: number, told: Told): Promise<boolean> {
  const acked = new Set<number>();
  const refused = new Set(told.refused);
  let cut: Record<string, unknown> | undefined;
  {
    await using opened = await open(folder);
    judge(seed, opened.state, told);
    const names = await namesIn(folder);
    assertEquals(names.filter((name) => name.endsWith(TEMPORARY)), [], "no leftovers");
    cut = opened.logged.get("journal_tail_cut");
    for (const number of numbersIn(opened.state)) acked.add(number);
    const next = Math.max(-1, ...acked) + 1;
    await opened.memory.commit(changesOf(seed, next));
    acked.add(next);
    refused.delete(next);
  }
  await using again = await open(folder);
  judge(seed, again.state, { acked, refused, lastAsked: Math.max(...acked) });
  assertEquals(new Set(numbersIn(again.state)), acked, "what the first opening found");
  assertEquals(again.logged, new Map(), "a second opening has nothing to tell");

  const segment = /^journal-\d{12}\.ndjson$/;
  // Tails that were cut off are kept for people to look at.
  const names = (await namesIn(folder)).filter((name) => !/\.ndjson\.cut-at-\d+$/.test(name));
  assertEquals(names.filter((name) => !segment.test(name)), ["lock", "memory.json"]);
  assertEquals(names.filter((name) => segment.test(name)).length, 1, "one segment");
  return cut !== undefined;
}
