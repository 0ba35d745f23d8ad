/**
 * Folders of a real memory as a crash may leave them, and every state that was acknowledged in them.
 *
 * @module
 */
import type { Json } from "../../lib/json.ts";
import { Dice } from "../harness/dice.ts";
import { copyFolder } from "../harness/temp_folder.ts";
import { openMemory, stateOf } from "../lib/disk/memories.ts";

const COMMITS = 16;
const KEYS = 8;

export interface MemoryFolder {
  readonly path: string;
  /** Each acknowledged state as `textOf` writes it, beginning with the empty one. */
  readonly states: readonly string[];
  /** Each value that a key ever had, as JSON. */
  readonly values: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Returns a state as text that can be compared. */
export function textOf(state: ReadonlyMap<string, Json>): string {
  return JSON.stringify([...state].sort(([one], [other]) => one < other ? -1 : 1));
}

/**
 * Makes three folders below `below`: with a journal only, with a snapshot and a journal, and as a crash
 * leaves them between the rotation of the journal and its snapshot.
 */
export async function makeFolders(below: string, seed: number): Promise<MemoryFolder[]> {
  const dice = new Dice(seed);
  const states = [textOf(new Map())];
  const values = new Map<string, Set<string>>();
  const [live, first, second, torn] = ["live", "first", "second", "torn"]
    .map((name) => `${below}/${name}`);
  const made: MemoryFolder[] = [];
  {
    await using memory = await openMemory(live);
    const commit = async (): Promise<void> => {
      for (let count = 0; count < COMMITS; count++) {
        const changes = changesFor(states.length, dice);
        await memory.commit(changes);
        states.push(textOf(stateOf(memory)));
        for (const [key, value] of changes) {
          const all = values.get(key) ?? new Set<string>();
          values.set(key, all.add(JSON.stringify(value)));
        }
      }
    };
    await commit();
    copyFolder(live, first);
    made.push({ path: first, states: [...states], values });
    await memory.snapshot();
    await commit();
    copyFolder(live, second);
    made.push({ path: second, states: [...states], values });
    copyFolder(second, torn);
    copyFolder(first, torn); // the older snapshot, and the segment that follows it
    made.push({ path: torn, states: [...states], values });
  }
  return made;
}

function changesFor(number: number, dice: Dice): Map<string, Json | undefined> {
  const changes = new Map<string, Json | undefined>();
  for (let count = 1 + dice.below(3); count > 0; count--) {
    const key = dice.pick([
      `request/t${dice.below(KEYS)}.collect`,
      `state/file/${dice.below(KEYS)}`,
    ]);
    changes.set(
      dice.below(20) === 0 ? "__proto__" : key,
      dice.below(6) === 0 ? undefined : {
        number, // so that no two states are equal
        digest: dice.below(2 ** 31).toString(16).padStart(64, "0"),
        text: dice.pick(["GET / 200", "Ünïcode \u2028 💥", 'quote " and \\', "}\n{"]),
        reply: { records: dice.next(), list: [1, null, true, "x".repeat(dice.below(400))] },
      },
    );
  }
  changes.set("number", number);
  return changes;
}
