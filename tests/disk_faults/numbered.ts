/**
 * Numbered changes of a memory, the same for the same seed, and what a memory may hold after a crash
 * in the middle of them.
 *
 * @module
 */
import type { Changes } from "../../lib/disk/memory.ts";
import type { Json } from "../../lib/json.ts";
import { crc32 } from "../../lib/disk/record.ts";

/** Changes that are committed at the same time. */
export const IN_FLIGHT = 4;

/** What a run reported about its changes. */
export interface Outcomes {
  /** Reported to be on disk. */
  readonly acked: ReadonlySet<number>;
  /** Reported to be rolled back. */
  readonly refused: ReadonlySet<number>;
  /** The highest number that may have been committed. */
  readonly lastSubmitted: number;
}

const encoder = new TextEncoder();

/** Returns a whole number from 0 to `below` - 1 that depends on `seed` and `about` alone. */
export function roll(seed: number, about: string, below: number): number {
  return crc32(encoder.encode(`${seed}/${about}`)) % below;
}

/** Returns changes of several keys: new keys, keys written again and removed keys; some are large. */
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

/** Whether the change is committed lazily. */
export function isLazy(number: number): boolean {
  return number % 4 === 3;
}

/** Returns the numbers whose changes a memory holds, in order. */
export function numbersIn(state: ReadonlyMap<string, Json>): number[] {
  const prefix = doneKey("");
  return [...state.keys()].filter((key) => key.startsWith(prefix))
    .map((key) => Number(key.slice(prefix.length)))
    .sort((a, b) => a - b);
}

/**
 * Reads what a run printed: one word and a number a line. A last line without its end does not count.
 */
export function parseOutcomes(text: string): Outcomes {
  const lines = text.split("\n").slice(0, -1).map((line) => line.split(" "));
  const about = (word: string): Set<number> =>
    new Set(lines.filter(([first]) => first === word).map(([_, number]) => Number(number)));
  const [acked, refused] = [about("ack"), about("refused")];
  return { acked, refused, lastSubmitted: Math.max(-1, ...acked, ...refused) + IN_FLIGHT };
}

/**
 * Throws if the runs may not leave this state:
 *  1. an acknowledged change is there;
 *  2. a refused change is not there, nor a change that was never committed;
 *  3. if a change is there, then every change before it is there or was refused;
 *  4. each change is there as a whole: its keys have the values that the changes leave.
 */
export function judge(seed: number, state: ReadonlyMap<string, Json>, outcomes: Outcomes): void {
  const found = numbersIn(state);
  const present = new Set(found);
  for (const number of outcomes.acked) {
    if (!present.has(number)) throw new Error(`Lost: ${number} was acknowledged`);
  }
  for (const number of outcomes.refused) {
    if (present.has(number)) throw new Error(`Not rolled back: ${number} was refused`);
  }
  const last = found.at(-1) ?? -1;
  if (last > outcomes.lastSubmitted) {
    throw new Error(
      `Made up: ${last}, and ${outcomes.lastSubmitted} is the last that was committed`,
    );
  }
  for (let number = 0; number < last; number++) {
    if (!present.has(number) && !outcomes.refused.has(number)) {
      throw new Error(`A gap: ${number} is missing before ${last}`);
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
