import { Buffer } from "node:buffer";
import { ignoreMissing } from "../../lib/system_errors.ts";
import type { Dice } from "../harness/dice.ts";
import { oddBytes, randomBytes } from "./bytes_of.ts";

/** What was done to a file, and what may follow from it. */
export interface Damage {
  readonly description: string;
  /**
   * Whether records may be lost silently: a journal that ends earlier, or with sectors that were never
   * written, looks like one whose last write was cut short.
   */
  readonly mayLose: boolean;
}

/** Ends the description if a file was replaced by a named pipe. */
export const PIPE = "pipe";
const SECTOR_BYTES = 512;
const NEW_LINE = 0x0a;

/** Damages one or two files of a memory folder; returns what was done. */
export async function damageFolder(folder: string, dice: Dice): Promise<Damage[]> {
  const damages: Damage[] = [];
  for (let times = dice.pick([1, 1, 1, 2]); times > 0; times--) {
    const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name)
      .filter((name) => name === "memory.json" || name.endsWith(".ndjson")).sort();
    if (names.length === 0) break;
    const name = dice.pick(names);
    const isLast = name === names.findLast((name) => name.endsWith(".ndjson"));
    const path = `${folder}/${name}`;
    if (!(await Deno.lstat(path)).isFile) continue;
    const damage = dice.below(4) === 0
      ? await misplace(folder, name, dice)
      : await rewrite(path, isLast, dice);
    damages.push({ description: `${name}: ${damage.description}`, mayLose: damage.mayLose });
  }
  return damages;
}

/** Puts something else in the place of a file, or nothing. */
async function misplace(folder: string, name: string, dice: Dice): Promise<Damage> {
  const path = `${folder}/${name}`;
  const aside = `${folder}/../aside-${crypto.randomUUID()}`;
  const kind = dice.pick([
    "removed",
    "renamed",
    "folder",
    PIPE,
    "link",
    "dangling link",
    "copied",
  ]);
  if (kind === "copied") {
    const bytes = await Deno.readFile(path);
    await Deno.writeFile(await freeSegment(folder, dice), bytes);
  } else if (kind === "renamed") {
    await Deno.rename(path, aside);
    await Deno.rename(aside, await freeSegment(folder, dice));
  } else {
    await Deno.rename(path, aside);
    if (kind === "folder") await Deno.mkdir(path);
    if (kind === PIPE) await makePipe(path);
    if (kind === "link") await Deno.symlink(aside, path);
    if (kind === "dangling link") await Deno.symlink(`${aside}-none`, path);
    if (kind !== "link") await Deno.remove(aside);
  }
  return { description: kind, mayLose: true };
}

/** Returns the path of a segment, and removes what is there: a write to a pipe would never return. */
async function freeSegment(folder: string, dice: Dice): Promise<string> {
  const number = dice.pick([0, 1, 2, 17, 18, 19, 500, 999_999_999_999]);
  const path = `${folder}/journal-${String(number).padStart(12, "0")}.ndjson`;
  await Deno.remove(path, { recursive: true }).catch(ignoreMissing);
  return path;
}

/** Makes a named pipe. */
export async function makePipe(path: string): Promise<void> {
  const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
  if (!success) throw new Error(`Cannot make the pipe "${path}"`);
}

async function rewrite(path: string, isLast: boolean, dice: Dice): Promise<Damage> {
  const before = await Deno.readFile(path);
  const { bytes, description, mayLose } = rewritten(before, dice);
  await Deno.writeFile(path, bytes);
  return { description, mayLose: mayLose && (isLast || before.length === 0) };
}

function rewritten(bytes: Uint8Array, dice: Dice): Damage & { bytes: Uint8Array } {
  const at = dice.below(bytes.length + 1);
  const lines = linesOf(bytes);
  const line = dice.below(Math.max(1, lines.length));
  switch (dice.below(11)) {
    case 0: {
      const bits = 1 + dice.below(3);
      const changed = bytes.slice();
      for (let count = 0; count < bits && bytes.length > 0; count++) {
        changed[dice.below(bytes.length)] ^= 1 << dice.below(8);
      }
      return { bytes: changed, description: `${bits} bits flipped`, mayLose: false };
    }
    case 1:
      return { bytes: bytes.slice(0, at), description: `cut at ${at}`, mayLose: true };
    case 2: {
      const isSector = dice.below(2) === 0;
      const from = isSector ? at - at % SECTOR_BYTES : at;
      const length = isSector ? SECTOR_BYTES * (1 + dice.below(3)) : dice.pick([1, 9, 600]);
      const changed = bytes.slice();
      changed.fill(0, from, from + length);
      return { bytes: changed, description: `${length} NUL bytes at ${from}`, mayLose: true };
    }
    case 3:
      lines.splice(line, 0, lines[line] ?? bytes);
      return { bytes: Buffer.concat(lines), description: `line ${line} twice`, mayLose: false };
    case 4: {
      const other = dice.below(Math.max(1, lines.length));
      if (lines.length > 0) [lines[line], lines[other]] = [lines[other], lines[line]];
      return {
        bytes: Buffer.concat(lines),
        description: `lines ${line} and ${other} swapped`,
        mayLose: false,
      };
    }
    case 5: {
      const removed = 1 + dice.below(10);
      // If only a line without an end is left after them, it looks torn.
      const isTail = line + removed >= lines.filter((line) => line.at(-1) === NEW_LINE).length;
      lines.splice(line, removed);
      return {
        bytes: Buffer.concat(lines),
        description: `${removed} lines removed at ${line}`,
        mayLose: isTail,
      };
    }
    case 6: {
      const more = dice.below(2) === 0 ? randomBytes(dice, 1 + dice.below(3000)) : oddBytes(dice);
      return {
        bytes: Buffer.concat([bytes, more]),
        description: `${more.length} bytes appended`,
        mayLose: false,
      };
    }
    case 7:
      return {
        bytes: Buffer.concat([bytes, new Uint8Array(1 + dice.below(5000))]),
        description: "NUL bytes appended",
        mayLose: false,
      };
    case 8: {
      const more = oddBytes(dice);
      const changed = Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)]);
      return {
        bytes: changed,
        description: `${more.length} bytes inserted at ${at}`,
        mayLose: true,
      };
    }
    case 9:
      return { bytes: new Uint8Array(), description: "empty", mayLose: true };
    default: {
      const text = new TextDecoder("latin1").decode(bytes);
      const digits = [...text.matchAll(/\d+/g)];
      if (digits.length === 0) return { bytes, description: "nothing", mayLose: false };
      const found = dice.below(3) === 0 ? dice.pick(digits) : digits[dice.below(6) % digits.length];
      const value = dice.pick(EXTREME);
      const end = found.index + found[0].length;
      const description = `${value} in place of ${found[0]} at ${found.index}`;
      const changed = [bytes.subarray(0, found.index), encoder.encode(value), bytes.subarray(end)];
      return { bytes: Buffer.concat(changed), description, mayLose: false };
    }
  }
}

const EXTREME = [
  "-1",
  "0",
  "2",
  "1e999",
  "9007199254740993",
  "1e15",
  "0.5",
  "999999999999",
  "null",
];
const encoder = new TextEncoder();

/** Splits bytes into lines, each with its end. */
function linesOf(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(NEW_LINE, at) + 1 || bytes.length;
    lines.push(bytes.subarray(at, end));
    at = end;
  }
  return lines;
}
