/**
 * Numbered changes of a memory, the same ones for the same seed, and what a memory may hold after a
 * crash in the middle of them.
 *
 * @module
 */
import type { Changes } from "../../lib/disk/memory.ts";
import type { Json } from "../../lib/json.ts";
import { crc32 } from "../../lib/disk/record.ts";

/** So many changes are on their way at once. */
export const IN_FLIGHT = 4;

/** What a run told about its changes. */
export interface Told {
  /** On disk, it said. */
  readonly acked: ReadonlySet<number>;
  /** Taken back, it said. */
  readonly refused: ReadonlySet<number>;
  /** No later one was asked for. */
  readonly lastAsked: number;
}

const encoder = new TextEncoder();

/** A whole number from 0 to `below` - 1 that depends on nothing but `seed` and `about`. */
export function roll(seed: number, about: string, below: number): number {
  return crc32(encoder.encode(`${seed}/${about}`)) % below;
}

/** Several keys each: some are new, some are written again, some are removed; some are large. */
export function changesOf(seed: number, number: number): Changes {
  const text = (length: number): string =>
    `${seed}/${number} `.repeat(1 + length / 8).slice(0, length);
  const changes = new Map<string, Json | undefined>([
    [doneKey(number), number],
    [`again/${number % 7}`, { number, text: text(roll(seed, `again/${number}`, 200)) }],
    [`part/${number - 3}/0`, undefined],
  ]);
  const parts = 1 + roll(seed, `parts/${number}`, 4);
  for (let part = 0; part < parts; part++) changes.set(`part/${number}/${part}`, text(part * 50));
  if (number % 4 === 1) {
    changes.set(`large/${number % 3}`, text(10_000 + roll(seed, `large/${number}`, 60_000)));
  }
  return changes;
}

export function isLazy(number: number): boolean {
  return number % 4 === 3;
}

/** The numbers whose changes a memory holds. */
export function numbersIn(state: ReadonlyMap<string, Json>): number[] {
  const prefix = doneKey("");
  return [...state.keys()].filter((key) => key.startsWith(prefix))
    .map((key) => Number(key.slice(prefix.length)))
    .sort((a, b) => a - b);
}

/** What a run printed, one word and a number a line; a last line without its end does not count. */
export function parseTold(text: string): Told {
  const lines = text.split("\n").slice(0, -1).map((line) => line.split(" "));
  const about = (word: string): Set<number> =>
    new Set(lines.filter(([first]) => first === word).map(([_, number]) => Number(number)));
  const [acked, refused] = [about("ack"), about("refused")];
  return { acked, refused, lastAsked: Math.max(-1, ...acked, ...refused) + IN_FLIGHT };
}

/**
 * Throws where the state is not one that the runs may leave behind:
 *  1. a change that was acknowledged is there;
 *  2. a change that was refused is not, nor one that was never asked for;
 *  3. a change is only there when those before it are, but for refused ones;
 *  4. each key is as exactly those changes leave it: each is there whole.
 */
export function judge(seed: number, state: ReadonlyMap<string, Json>, told: Told): void {
  const found = numbersIn(state);
  const kept = new Set(found);
  for (const number of told.acked) {
    if (!kept.has(number)) throw new Error(`Lost: ${number} was acknowledged`);
  }
  for (const number of told.refused) {
    if (kept.has(number)) throw new Error(`Not taken back: ${number} was refused`);
  }
  const last = found.at(-1) ?? -1;
  if (last > told.lastAsked) {
    throw new Error(`Made up: ${last}, and ${told.lastAsked} is the last that was asked for`);
  }
  for (let number = 0; number < last; number++) {
    if (!kept.has(number) && !told.refused.has(number)) {
      throw new Error(`A hole: ${number} is missing before ${last}`);
    }
  }
  const expected = new Map<string, Json>();
  for (const number of found) {
    for (const [key, value] of changesOf(seed, number)) {
      if (value === undefined) expected.delete(key);
      else expected.set(key, value);
    }
  }
  for (const key of new Set([...expected.keys(), ...state.keys()])) {
    if (JSON.stringify(expected.get(key)) !== JSON.stringify(state.get(key))) {
      throw new Error(`Not whole: ${key} is not as ${JSON.stringify(found)} leave it`);
    }
  }
}

function doneKey(number: number | ""): string {
  return `done/${number}`;
}
