/**
 * Memory folders that were harmed. What must hold:
 *  1. A folder opens within a second, or is refused with a code that says why, in one line.
 *  2. Where it opens, its state is one that was acknowledged: the last one, or, where the harm looks
 *     like a write that was cut short, an earlier one; and opened again it is the same.
 *  3. `repair` without consent changes nothing. With it the folder opens, and where `memory.json`
 *     was not harmed it holds no value that its key never had.
 *  4. Nothing of it stays on the heap.
 *
 * @module
 */
import { ExitError } from "../../lib/exit.ts";
import { repair } from "../../lib/disk/repair.ts";
import { heapMib, isExact } from "../harness/heap.ts";
import { openMemory, stateOf } from "../lib/disk/memories.ts";
import { copyFolder } from "../harness/temp_folder.ts";
import { within } from "../harness/waiting.ts";
import { damageFolder, type Harm } from "./damage_folder.ts";
import type { Figures, Finding } from "./finding.ts";
import type { FuzzOptions } from "./fuzz_sessions.ts";
import { makeFolders, type MemoryFolder, textOf } from "./memory_folders.ts";
import { diceOf } from "./session_inputs.ts";

const OPEN_MS_MAX = 1_000;
const REASONS = ["damaged", "storage_failed", "not_permitted"];
/** A torn line at the end of the last segment may have been acknowledged where its end alone is gone. */
const TORN_RECORDS_MAX = 1;
const ROLE = "tester";
/** After so many nothing is made for the first time. */
const WARM = 200;
const GROWTH_MIB = 8;

/** Memory that holds what it is given and nothing else, quick where it can be had. */
async function workFolder(): Promise<string> {
  const quick = await Deno.stat("/dev/shm").then((stat) => stat.isDirectory, () => false);
  return await Deno.makeTempDir({ prefix: "baton-fuzz-", ...(quick ? { dir: "/dev/shm" } : {}) });
}

/** Harms folders until the time is over. */
export async function fuzzJournals(
  { seconds, seed, from = 0, inputs = Infinity }: FuzzOptions,
): Promise<Figures> {
  const below = await workFolder();
  try {
    const folders = await makeFolders(`${below}/made`, seed);
    const findings: Finding[] = [];
    const counts = { tried: 0, refused: 0 };
    let longestMs = 0;
    let warm = heapMib();
    const begun = performance.now();
    const due = begun + seconds * 1_000;
    for (let number = from; number < from + inputs && performance.now() < due; number++) {
      const { refused, told, harms, ms } = await tryFolder(
        folders,
        `${below}/${number}`,
        seed,
        number,
      );
      counts.tried++;
      if (refused) counts.refused++;
      longestMs = Math.max(longestMs, ms);
      if (told.length > 0) findings.push({ seed, number, input: harms, told });
      if (counts.tried === WARM) warm = heapMib();
    }
    const grownMib = isExact ? heapMib() - warm : undefined;
    if (grownMib !== undefined && grownMib > GROWTH_MIB) {
      const told = [`this process has grown by ${grownMib.toFixed(1)} MiB`];
      findings.unshift({ seed, number: from + counts.tried - 1, input: null, told });
    }
    return { kind: "journals", ...counts, findings, longestMs, grownMib };
  } finally {
    await Deno.remove(below, { recursive: true });
  }
}

interface Tried {
  readonly refused: boolean;
  readonly told: string[];
  readonly harms: readonly Harm[];
  readonly ms: number;
}

async function tryFolder(
  folders: readonly MemoryFolder[],
  path: string,
  seed: number,
  number: number,
): Promise<Tried> {
  const dice = diceOf(seed, number);
  const made = dice.pick(folders);
  const folder = `${path}/memory`;
  copyFolder(made.path, folder);
  const harms = await damageFolder(folder, dice);
  const before = await contentOf(folder);
  const { ms, state, error } = await opened(folder);
  const told = ms > OPEN_MS_MAX ? [`it took ${ms.toFixed(0)} ms`] : [];
  if (state !== undefined) {
    told.push(...judgeState(made, state, harms));
    const again = await opened(folder);
    if (again.state !== state) told.push(`opened again it is another: ${again.error}`);
  } else if (error instanceof ExitError) {
    told.push(...judgeRefusal(error, before, await contentOf(folder)));
    told.push(...await judgeRepair(made, folder, harms));
  } else told.push(`no refusal: ${error instanceof Error ? error.stack : error}`);
  if ("polluted" in {}) told.push("Object.prototype is polluted");
  const harmed = harms.map(({ told }) => told).join("; ");
  await Deno.remove(path, { recursive: true });
  return {
    refused: state === undefined,
    told: told.map((line) => `${harmed} (${made.path.split("/").at(-1)}): ${line}`),
    harms,
    ms,
  };
}

async function opened(
  folder: string,
): Promise<{ ms: number; state?: string; error?: unknown }> {
  const begun = performance.now();
  try {
    await using memory = await within(openMemory(folder), "the memory to open");
    return { ms: performance.now() - begun, state: textOf(stateOf(memory)) };
  } catch (error) {
    return { ms: performance.now() - begun, error };
  }
}

function judgeState({ states }: MemoryFolder, state: string, harms: readonly Harm[]): string[] {
  const at = states.indexOf(state);
  if (at < 0) return [`a state that never was: ${state.slice(0, 300)}`];
  const lost = states.length - 1 - at;
  const mayLose = harms.some(({ mayLose }) => mayLose);
  return mayLose || lost <= TORN_RECORDS_MAX ? [] : [`${lost} records are lost without a word`];
}

function judgeRefusal(error: ExitError, before: string, after: string): string[] {
  const told: string[] = [];
  if (!REASONS.includes(error.reason)) told.push(`refused as ${error.reason}: ${error.message}`);
  if (error.message.includes("\n")) told.push(`refused in more than a line: ${error.message}`);
  if (before !== after) told.push(`a refusal has changed the folder: ${error.message}`);
  return told;
}

async function judgeRepair(
  { values }: MemoryFolder,
  folder: string,
  harms: readonly Harm[],
): Promise<string[]> {
  const said: string[] = [];
  const options = { folder, role: ROLE, say: (line: string) => void said.push(line) };
  try {
    const before = await contentOf(folder);
    await within(repair({ ...options, acceptLoss: false }), "the repair");
    if (before !== await contentOf(folder)) return ["a repair without consent changes something"];
    const opens = await within(repair({ ...options, acceptLoss: true }), "the repair");
    const { state, error } = await opened(folder);
    if (!opens || state === undefined) return [`repaired it does not open: ${error}; ${said}`];
    if (harms.some(({ told }) => told.startsWith("memory.json"))) return []; // rule 3 of repair
    const wrong = (JSON.parse(state) as [string, unknown][])
      .filter(([key, value]) => !values.get(key)?.has(JSON.stringify(value)));
    return wrong.map(([key]) => `repaired, ${key} has a value that it never had`);
  } catch (error) {
    return [`repair: ${error instanceof ExitError ? error.message : (error as Error).stack}`];
  }
}

/** All that is in a folder, the lock left out, as text. */
async function contentOf(folder: string): Promise<string> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  const told = entries.filter(({ name }) => name !== "lock").map(async (entry) => {
    const { name, isFile, isSymlink } = entry;
    if (isFile) return [name, (await Deno.readFile(`${folder}/${name}`)).toHex()];
    return [name, isSymlink ? await Deno.readLink(`${folder}/${name}`) : "no file"];
  });
  return JSON.stringify((await Promise.all(told)).sort());
}
