import { assert } from "@std/assert";
import { repair } from "../../../lib/disk/repair.ts";
import { openJournal } from "./journals.ts";
import { openMemory, type State } from "./memories.ts";

/** What a repair reported. */
export interface Repaired {
  /** Whether the folder opens now. */
  readonly opens: boolean;
  readonly lines: string[];
}

/** Runs a repair. */
export async function repaired(
  folder: string,
  acceptLoss: boolean,
  role = "tester",
): Promise<Repaired> {
  const lines: string[] = [];
  const opens = await repair({ folder, role, acceptLoss, say: (line) => lines.push(line) });
  return { opens, lines };
}

/**
 * Writes a memory: a snapshot with one key, then three segments with `each` records.
 *
 * @returns the entries after 0, 1, 2, … records
 */
export async function threeSegments(folder: string, each: number): Promise<State[]> {
  {
    await using memory = await openMemory(folder);
    await memory.commit(new Map([["kept", "é\n"]]));
  }
  const { journal } = await afterSnapshot(folder);
  const states: State[] = [new Map([["kept", "é\n"]])];
  for (let at = 0; at < 3 * each; at++) {
    if (at > 0 && at % each === 0) await journal.rotate();
    await journal.append([[`k${at % 5}`, at], ["last", `number ${at}`]]);
    states.push(new Map([...states.at(-1)!, [`k${at % 5}`, at], ["last", `number ${at}`]]));
  }
  await journal.close();
  return states;
}

/** Opens the journal of a folder from its snapshot on. */
export async function afterSnapshot(folder: string) {
  const head = (await Deno.readTextFile(`${folder}/memory.json`)).split("\n")[0] + "}}";
  const { seq, crc } = JSON.parse(head);
  return await openJournal(folder, { after: { seq, crc: parseInt(crc, 16) } });
}

/** Returns the offset at which each line begins, and the length of the file. */
export function starts(bytes: Uint8Array): number[] {
  return [0, ...[...bytes.keys()].filter((at) => bytes[at] === 0x0a).map((at) => at + 1)];
}

/** Returns the content of every file but the lock, by name. */
export async function contents(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile && name !== "lock") files.set(name, await Deno.readTextFile(`${folder}/${name}`));
  }
  return new Map([...files].sort());
}

/** Asserts that every byte of `before` is still there: in its place, or kept aside. */
export function assertKept(before: Map<string, string>, after: Map<string, string>): void {
  for (const [name, text] of before) {
    if (name === "memory.json") continue;
    const aside = [...after].filter(([other]) => other.startsWith(`${name}.lost`));
    const inPlace = after.get(name) ?? "";
    assert(
      [inPlace, ...aside.flatMap(([, kept]) => [kept, inPlace + kept])].includes(text),
      `${name} is not kept: ${[...after.keys()]}`,
    );
  }
}
