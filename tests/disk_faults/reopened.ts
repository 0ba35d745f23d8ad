/**
 * Opens the folder of a memory after a crash and judges what it holds.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { TEMPORARY } from "../../lib/disk/atomic_file.ts";
import { Memory } from "../../lib/disk/memory.ts";
import type { Json } from "../../lib/json.ts";
import { changesOf, judge, numbersIn, type Outcomes } from "./numbered.ts";

export interface Opened extends AsyncDisposable {
  readonly memory: Memory;
  readonly state: ReadonlyMap<string, Json>;
  /** The fields of what it logged so far, by event. */
  readonly logged: Map<string, Record<string, unknown>>;
}

/** Opens a folder that the writer left. */
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

/** Returns the names in a folder, sorted. */
export async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
}

/** Returns the content of every file in a folder, by name. */
export async function contentsOf(folder: string): Promise<Map<string, string>> {
  const names = await namesIn(folder);
  const texts = await Promise.all(names.map((name) => Deno.readTextFile(`${folder}/${name}`)));
  return new Map(names.map((name, at) => [name, texts[at]]));
}

/**
 * Opens the folder, judges what is in it, commits one more change, opens it again and judges again.
 *
 * @returns whether the first opening cut off a torn tail
 */
export async function reopenAndJudge(
  folder: string,
  seed: number,
  outcomes: Outcomes,
): Promise<boolean> {
  const acked = new Set<number>();
  const refused = new Set(outcomes.refused);
  let isCut: boolean;
  {
    await using opened = await open(folder);
    judge(seed, opened.state, outcomes);
    const names = await namesIn(folder);
    assertEquals(names.filter((name) => name.endsWith(TEMPORARY)), [], "no leftovers");
    isCut = opened.logged.has("journal_tail_cut");
    for (const number of numbersIn(opened.state)) acked.add(number);
    const next = Math.max(-1, ...acked) + 1;
    await opened.memory.commit(changesOf(seed, next));
    acked.add(next);
    refused.delete(next);
  }
  await using again = await open(folder);
  judge(seed, again.state, { acked, refused, lastSubmitted: Math.max(...acked) });
  assertEquals(new Set(numbersIn(again.state)), acked, "what the first opening found");
  assertEquals(again.logged, new Map(), "the second opening logs nothing");

  const segment = /^journal-\d{12}\.ndjson$/;
  // Torn tails are kept for people to inspect.
  const names = (await namesIn(folder)).filter((name) => !/\.ndjson\.cut-at-\d+$/.test(name));
  assertEquals(names.filter((name) => !segment.test(name)), ["lock", "memory.json"]);
  assertEquals(names.filter((name) => segment.test(name)).length, 1, "one segment");
  return isCut;
}
