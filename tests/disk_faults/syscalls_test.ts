/**
 * Every system call that a memory makes fails once, and is once the last one; and they come in the
 * order that a power cut asks for.
 *
 * Seen to fail where `append()` resolved before the sync, where a failed sync was tried again or the
 * process went on, where a quota was no full disk, where the half snapshot of a killed process stayed,
 * where `replaceFile()` renamed before it synced or left out the folder's sync, where a segment's name
 * was not synced, and where segments were removed before the snapshot was there.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { copy } from "@std/fs/copy";
import { EXIT } from "../../lib/exit.ts";
import { TempFolder } from "../harness/temp_folder.ts";
import { figures, skip } from "../harness/test_output.ts";
import type { Told } from "./numbered.ts";
import { reopenAndJudge } from "./reopened.ts";
import { type Effect, type Fault, type Run, runWithFaults, whyNoStrace } from "./stopped.ts";

const SEED = 1;
const AT_ONCE = 4;
/** No run makes as many calls of one kind. */
const NTH_MAX = 200;
/** What a shell tells of a process that SIGKILL ended. */
const KILLED = 137;

const NOTHING: Told = { acked: new Set(), refused: new Set(), lastAsked: -1 };

/** Where a run begins, and how. */
interface Scene {
  /** Is copied for each run; nothing where a run begins without a folder. */
  readonly folder?: string;
  /** What is in it on disk. */
  readonly told: Told;
  readonly commits: number;
  /** Whether the journal ends with a part of a line. */
  readonly isTorn?: boolean;
}

const FROM_NOTHING: Scene = { told: NOTHING, commits: 12 };

function writerOptions(commits: number): string[] {
  return [`--seed=${SEED}`, `--commits=${commits}`, "--snapshot-every=5"];
}

/**
 * Runs the writer for n = 1, 2, … until the last of the faults does not come any more, and judges
 * what each run leaves behind.
 *
 * @returns how many runs were hit
 */
async function sweep(
  temp: TempFolder,
  scene: Scene,
  faultsAt: (nth: number) => Fault[],
): Promise<number> {
  let next = 1;
  let over = false;
  let hits = 0;
  const runOneByOne = async (): Promise<void> => {
    while (!over) {
      const nth = next++;
      assert(nth <= NTH_MAX, "no end of calls");
      const faults = faultsAt(nth);
      const folder = `${temp.path}/${
        faults.map((fault) => Object.values(fault).join("-")).join("-")
      }`;
      try {
        if (await isHit(folder, scene, faults)) hits++;
        else over = true;
      } catch (cause) {
        over = true;
        throw new Error(`${JSON.stringify(faults)}: ${(cause as Error).message}`, { cause });
      }
    }
  };
  const done = await Promise.allSettled(Array.from({ length: AT_ONCE }, runOneByOne));
  for (const each of done) if (each.status === "rejected") throw each.reason;
  return hits;
}

async function isHit(folder: string, scene: Scene, faults: Fault[]): Promise<boolean> {
  try {
    const run = await runOn(folder, scene, faults);
    judgeEnd(run, faults);
    const acked = new Set([...scene.told.acked, ...run.told.acked]);
    const lastAsked = scene.folder === undefined
      ? run.told.lastAsked
      : scene.told.lastAsked + scene.commits;
    await reopenAndJudge(folder, SEED, { ...run.told, acked, lastAsked });
    return run.code === KILLED || run.failed.length === faults.length;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function runOn(folder: string, scene: Scene, faults: Fault[]): Promise<Run> {
  if (scene.folder !== undefined) await copy(scene.folder, folder);
  return await runWithFaults(folder, faults, writerOptions(scene.commits));
}

/** How a run may end, and what it may do on the way. */
function judgeEnd(run: Run, faults: Fault[]): void {
  const { code, codes, stderr, failed, ackedAfter, trace } = run;
  assert([EXIT.done, EXIT.storage_failed, KILLED].includes(code), `exit code ${code}: ${stderr}`);
  const [{ call, effect }] = faults;
  if (call === "write") {
    const expected = effect === "EIO" ? "storage_failed" : "storage_full";
    assert(codes.every((code) => code === expected), `refused with ${codes}`);
  }
  const failedSync = failed.find((line) => /sync\(.*\.ndjson>/.test(line));
  if (failedSync === undefined || code === KILLED) return;
  assertEquals(code, EXIT.storage_failed, `after ${failedSync}`);
  assertEquals(ackedAfter, 0, `after ${failedSync}`);
  const after = trace.slice(trace.indexOf(failedSync) + failedSync.length);
  assert(!/sync\(.*\.ndjson>/.test(after), `synced again after ${failedSync}`);
}

Deno.test("Memory keeps its word whichever system call is its last, or fails", async (t) => {
  const why = await whyNoStrace();
  if (why !== undefined) return await skip(t, why);
  await using temp = await TempFolder.make();
  let hits = 0;

  const everyCall = async (where: string, scene: Scene): Promise<void> => {
    const { trace, stderr } = await runOn(`${temp.path}/unhurt`, scene, []);
    assertEquals(stderr.includes("journal_tail_cut"), scene.isTorn === true, stderr);
    await Deno.remove(`${temp.path}/unhurt`, { recursive: true });
    const effects: [Fault["call"], Effect[]][] = [
      ["open", ["ENOSPC"]],
      ["write", ["KILL", "EIO", "EDQUOT"]],
      ["fdatasync", ["KILL", "EIO"]],
      ["fsync", ["KILL", "EIO"]],
      ["rename", ["KILL", "ENOSPC"]],
      ["ftruncate", ["KILL", "EIO"]],
      ["unlink", ["KILL", "EIO"]],
    ];
    for (const [call, each] of effects) {
      await t.step(`${where}: each ${call} with ${each.join(", ")}`, async () => {
        for (const effect of each) {
          const hit = await sweep(temp, scene, (nth) => [{ call, nth, effect }]);
          assertEquals(hit > 0, trace.includes(` ${call}`), `${call} is hit where it is called`);
          hits += hit;
        }
      });
    }
  };
  await everyCall("from nothing", FROM_NOTHING);
  await everyCall("after a crash", await crashed(temp));
  await everyCall("with nothing to do", await ended(temp));

  // A batch of changes that must be cut back, and the first line of a segment that must go again.
  for (const [full, needed] of [[6, "ftruncate"], [7, "unlink"]] as const) {
    const write: Fault = { call: "write", nth: full, effect: "ENOSPC" };
    await t.step(`write ${full} finds the disk full: each call that follows`, async () => {
      for (const call of ["ftruncate", "fsync", "unlink"] as const) {
        for (const effect of ["KILL", "EIO"] as const) {
          const hit = await sweep(temp, FROM_NOTHING, (nth) => [write, { call, nth, effect }]);
          assert(hit > 0 || call !== needed, `${call} follows`);
          hits += hit;
        }
      }
    });
  }
  assert(hits > 100, `only ${hits} calls were hit`);
  figures(`${hits} system calls failed or were the last one, every word kept`);
});

/** A folder as a killed writer leaves it: with a torn tail and a snapshot that was not finished. */
async function crashed(temp: TempFolder): Promise<Scene> {
  const folder = `${temp.path}/crashed`;
  const killed: Fault = { call: "fdatasync", nth: 3, effect: "KILL" };
  const { code, told } = await runWithFaults(folder, [killed], writerOptions(12));
  assertEquals(code, KILLED);
  const [segment] = (await Array.fromAsync(Deno.readDir(folder)))
    .map(({ name }) => name).filter((name) => name.endsWith(".ndjson")).sort().reverse();
  await Deno.writeTextFile(`${folder}/${segment}`, '{"crc":"0', { append: true });
  await Deno.writeTextFile(`${folder}/memory.json.tmp`, '{"memory":1');
  return { folder, told, commits: 3, isTorn: true };
}

/** A folder as a writer leaves it that ended by itself. */
async function ended(temp: TempFolder): Promise<Scene> {
  const folder = `${temp.path}/ended`;
  const { code, told } = await runWithFaults(folder, [], writerOptions(12));
  assertEquals(code, EXIT.done);
  return { folder, told, commits: 0 };
}

Deno.test("Memory makes its system calls in the order that a power cut asks for", async (t) => {
  const why = await whyNoStrace();
  if (why !== undefined) return await skip(t, why);
  await using temp = await TempFolder.make();
  const { code, told, trace } = await runWithFaults(`${temp.path}/m`, [], writerOptions(12));
  assertEquals([code, told.acked.size], [EXIT.done, 12]);

  const unsynced = new Set<string>();
  let names = "synced";
  const calls = new Map<string, number>();
  for (const line of trace.split("\n").slice(0, -1)) {
    const [, call, path, written] = readCall(line);
    calls.set(call, (calls.get(call) ?? 0) + 1);
    const isJournal = path.endsWith(".ndjson");
    if (written?.startsWith("ack")) {
      assert(![...unsynced].some((path) => path.endsWith(".ndjson")), `before its sync: ${line}`);
      assertEquals(names, "synced", `before the folder's sync: ${line}`);
    } else if (call === "write") {
      unsynced.add(path);
    } else if (call === "fsync" && path === `${temp.path}/m`) {
      names = "synced";
    } else if (call.endsWith("sync")) {
      unsynced.delete(path);
    } else if (call === "rename") {
      assert(!unsynced.has(path), `before its sync: ${line}`);
      names = "changed";
    } else if (call === "openat" && isJournal && line.includes("O_CREAT")) {
      names = "changed";
    } else if (call.startsWith("unlink") && isJournal) {
      assertEquals([names, unsynced.size], ["synced", 0], `before the snapshot is safe: ${line}`);
    }
  }
  for (const call of ["write", "fdatasync", "fsync", "rename"]) assert(calls.has(call), call);
});

/** In a line of the trace: the call, the file it is about, and the beginning of what it writes. */
function readCall(line: string): string[] {
  const shape =
    /^\d+ +(\w+)\((?:AT_FDCWD<[^>]*>, )?(?:\d+<([^>]*)>|"([^"]*)")(?:, "((?:[^"\\]|\\.)*))?/;
  assertMatch(line, shape);
  const [whole, call, byNumber, byName, written] = shape.exec(line)!;
  return [whole, call, byNumber ?? byName, written];
}
