/**
 * Damaged memory folders. The rules:
 *  1. A folder opens within a second of work, or is refused with a reason, in one line.
 *  2. If it opens, its state is one that was acknowledged. That is the last one, or an earlier one if
 *     the damage looks like a write that was cut short. Opened again, the state is the same.
 *  3. `repair` without consent changes nothing. With consent the folder opens, and if `memory.json`
 *     was intact, no key has a value that it never had.
 *  4. Nothing stays on the heap.
 *
 * @module
 */
import process from "node:process";
import { repair } from "../../lib/disk/repair.ts";
import { ExitError } from "../../lib/exit.ts";
import { heapMib, isExact } from "../harness/heap.ts";
import { copyFolder } from "../harness/temp_folder.ts";
import { within } from "../harness/waiting.ts";
import { unsyncedDisk } from "../lib/disk/faulty_disk.ts";
import { openMemory, stateOf } from "../lib/disk/memories.ts";
import { type Damage, damageFolder, PIPE } from "./damage_folder.ts";
import type { Figures, Finding } from "./finding.ts";
import type { FuzzOptions } from "./fuzz_sessions.ts";
import { makeFolders, type MemoryFolder, textOf } from "./memory_folders.ts";
import { diceOf } from "./session_inputs.ts";

/** The most processor time of this thread: a busy machine does not make that longer. */
const OPEN_MS_MAX = 1_000;
const REASONS = ["damaged", "storage_failed", "not_permitted"];
/** If only the end of the last record is lost, the record may have been acknowledged nevertheless. */
const TORN_RECORDS_MAX = 1;
const ROLE = "tester";
/** After this number of inputs, all code has run once and all caches are full. */
const WARM_INPUTS = 200;
const GROWTH_MIB_MAX = 8;

/** Damages folders and opens them until the run ends. */
export async function fuzzJournals(
  { seconds, seed, from = 0, inputs = Infinity }: FuzzOptions,
): Promise<Figures> {
  const below = await makeWorkFolder();
  try {
    const folders = await makeFolders(`${below}/made`, seed);
    const findings: Finding[] = [];
    const counts = { tried: 0, refused: 0 };
    let longestMs = 0;
    let warmMib = heapMib();
    const due = performance.now() + seconds * 1_000;
    for (let number = from; number < from + inputs && performance.now() < due; number++) {
      const path = `${below}/${number}`;
      const { refused, problems, damages, ms } = await tryFolder(folders, path, seed, number);
      counts.tried++;
      if (refused) counts.refused++;
      longestMs = Math.max(longestMs, ms);
      if (problems.length > 0) findings.push({ seed, number, input: damages, problems });
      if (counts.tried === WARM_INPUTS) warmMib = heapMib();
    }
    const grownMib = isExact ? heapMib() - warmMib : undefined;
    if (grownMib !== undefined && grownMib > GROWTH_MIB_MAX) {
      const problems = [`this process has grown by ${grownMib.toFixed(1)} MiB`];
      findings.unshift({ seed, number: from + counts.tried - 1, input: null, problems });
    }
    return { kind: "journals", ...counts, findings, longestMs, grownMib };
  } finally {
    await Deno.remove(below, { recursive: true });
  }
}

/** Makes a folder in memory if the machine has such a file system: that is much faster. */
async function makeWorkFolder(): Promise<string> {
  const inMemory = await Deno.stat("/dev/shm").then((stat) => stat.isDirectory, () => false);
  const options = { prefix: "baton-fuzz-", ...(inMemory ? { dir: "/dev/shm" } : {}) };
  return await Deno.makeTempDir(options);
}

interface Tried {
  readonly refused: boolean;
  readonly problems: string[];
  readonly damages: readonly Damage[];
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
  const damages = await damageFolder(folder, dice);
  // A pipe would block this thread for ever, without a deadline.
  using _ = damages.some(({ description }) => description.endsWith(PIPE))
    ? undefined
    : unsyncedDisk();
  const before = await contentOf(folder);
  const { ms, state, error } = await open(folder);
  const problems = ms > OPEN_MS_MAX ? [`it worked for ${ms.toFixed(0)} ms`] : [];
  if (state !== undefined) {
    problems.push(...checkState(made, state, damages));
    const again = await open(folder);
    if (again.state !== state) problems.push(`opened again its state differs: ${again.error}`);
  } else if (error instanceof ExitError) {
    problems.push(...checkRefusal(error, before, await contentOf(folder)));
    problems.push(...await checkRepair(made, folder, damages));
  } else problems.push(`no refusal: ${error instanceof Error ? error.stack : error}`);
  if ("polluted" in {}) problems.push("Object.prototype is polluted");
  const damage = damages.map(({ description }) => description).join("; ");
  await Deno.remove(path, { recursive: true });
  return {
    refused: state === undefined,
    problems: problems.map((line) => `${damage} (${made.path.split("/").at(-1)}): ${line}`),
    damages,
    ms,
  };
}

/** Opens and closes a memory; returns its state or the error, and how long this thread worked. */
async function open(folder: string): Promise<{ ms: number; state?: string; error?: unknown }> {
  const begun = workedMs();
  try {
    await using memory = await within(openMemory(folder), "the memory to open");
    return { ms: workedMs() - begun, state: textOf(stateOf(memory)) };
  } catch (error) {
    return { ms: workedMs() - begun, error };
  }
}

/** The processor time of this thread, in milliseconds. */
function workedMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

function checkState(
  { states }: MemoryFolder,
  state: string,
  damages: readonly Damage[],
): string[] {
  const at = states.indexOf(state);
  if (at < 0) return [`a state that never was: ${state.slice(0, 300)}`];
  const lost = states.length - 1 - at;
  const mayLose = damages.some(({ mayLose }) => mayLose);
  return mayLose || lost <= TORN_RECORDS_MAX ? [] : [`${lost} records are lost silently`];
}

function checkRefusal(error: ExitError, before: string, after: string): string[] {
  const problems: string[] = [];
  if (!REASONS.includes(error.reason)) {
    problems.push(`refused as ${error.reason}: ${error.message}`);
  }
  if (error.message.includes("\n")) problems.push(`refused in several lines: ${error.message}`);
  if (before !== after) problems.push(`the refusal has changed the folder: ${error.message}`);
  return problems;
}

async function checkRepair(
  { values }: MemoryFolder,
  folder: string,
  damages: readonly Damage[],
): Promise<string[]> {
  const lines: string[] = [];
  const options = { folder, role: ROLE, say: (line: string) => void lines.push(line) };
  try {
    const before = await contentOf(folder);
    await within(repair({ ...options, acceptLoss: false }), "the repair");
    if (before !== await contentOf(folder)) return ["a repair without consent changes something"];
    const opens = await within(repair({ ...options, acceptLoss: true }), "the repair");
    const { state, error } = await open(folder);
    if (!opens || state === undefined) return [`repaired, it does not open: ${error}; ${lines}`];
    if (damages.some(({ description }) => description.startsWith("memory.json"))) return [];
    const wrong = (JSON.parse(state) as [string, unknown][])
      .filter(([key, value]) => !values.get(key)?.has(JSON.stringify(value)));
    return wrong.map(([key]) => `repaired, ${key} has a value that it never had`);
  } catch (error) {
    return [`repair: ${error instanceof ExitError ? error.message : (error as Error).stack}`];
  }
}

/** Returns everything in a folder as text, except the lock. */
async function contentOf(folder: string): Promise<string> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  const contents = entries.filter(({ name }) => name !== "lock").map(async (entry) => {
    const { name, isFile, isSymlink } = entry;
    if (isFile) return [name, (await Deno.readFile(`${folder}/${name}`)).toHex()];
    return [name, isSymlink ? await Deno.readLink(`${folder}/${name}`) : "no file"];
  });
  return JSON.stringify((await Promise.all(contents)).sort());
}
