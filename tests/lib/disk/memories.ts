import type { ExitError } from "../../../lib/exit.ts";
import { type Changes, Memory, type MemoryOptions } from "../../../lib/disk/memory.ts";
import type { Json } from "../../../lib/json.ts";
import type { Dice } from "../../harness/dice.ts";

const KEYS = ["a", "b", "c", "__proto__", "constructor", "line\nfeed", 'quote"', "ключ", ""];

/** The entries of a memory. */
export type State = Map<string, Json>;

/** Opens the memory of a folder. */
export function openMemory(
  folder: string,
  options: Partial<MemoryOptions> = {},
): Promise<Memory> {
  return Memory.open({ folder, role: "tester", log: () => {}, onFailed: () => {}, ...options });
}

/** Returns a copy of all entries. */
export function stateOf(memory: Memory): State {
  return new Map(memory.entries(""));
}

/** Returns the entries, sorted by key. */
export function sorted(state: State): [string, Json][] {
  return [...state].sort(([a], [b]) => a < b ? -1 : 1);
}

/** Opens a folder twice. Returns its entries, which must be the same both times. */
export async function recovered(folder: string): Promise<State> {
  const states: State[] = [];
  for (let time = 0; time < 2; time++) {
    await using memory = await openMemory(folder);
    states.push(stateOf(memory));
  }
  const [first, second] = states.map((state) => JSON.stringify([...state].sort()));
  if (first !== second) throw new Error(`Opening changed ${first} to ${second}`);
  return states[0];
}

/** Returns the error with which a folder does not open. */
export async function refusal(
  folder: string,
  options: Partial<MemoryOptions> = {},
): Promise<ExitError> {
  try {
    await using _ = await openMemory(folder, options);
  } catch (error) {
    return error as ExitError;
  }
  throw new Error("It opened");
}

/** Returns changes of the given keys; a key without a value is removed. */
export function changesOf(...pairs: [key: string, value?: Json][]): Changes {
  return new Map(pairs.map(([key, value]) => [key, value]));
}

/** Returns up to three random changes. */
export function randomChanges(dice: Dice, round: number): Changes {
  const pairs: [string, Json?][] = Array.from({ length: 1 + dice.below(3) }, () => {
    const value = dice.pick<Json | undefined>([undefined, round, `${round}\n"`, { round }]);
    return [dice.pick(KEYS), value];
  });
  return changesOf(...pairs);
}

/** Returns the state after the changes. */
export function stateAfter(state: State, changes: Changes): State {
  const next = new Map(state);
  for (const [key, value] of changes) value === undefined ? next.delete(key) : next.set(key, value);
  return next;
}
