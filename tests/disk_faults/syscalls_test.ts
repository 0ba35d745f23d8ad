/**
 * Every system call that a memory makes fails in one run, and is in another the last call of its
 * process. And the calls come in the order that survives a power cut.
 *
 * Seen to fail if `append()` resolves before the sync, if a failed sync is tried again or the process
 * continues, if a quota is no full disk, if the half snapshot of a killed process stays, if
 * `replaceFile()` renames before it syncs or leaves out the folder's sync, if a segment's name is not
 * synced, and if segments are removed before the snapshot is there.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { EXIT } from "../../lib/exit.ts";
import { copyFolder, TempFolder } from "../harness/temp_folder.ts";
import { figures, skip } from "../harness/test_output.ts";
import { unsyncedDisk } from "../lib/disk/faulty_disk.ts";
import { type Outcomes, parseOutcomes } from "./numbered.ts";
import { contentsOf, namesIn, reopenAndJudge } from "./reopened.ts";
import {
  type Call,
  type Fault,
  KILLED,
  OPERATIONS,
  runSweep,
  runWriter,
  type Sweep,
  type SweptRun,
  whyNoStrace,
} from "./strace.ts";

const SEED = 1;
const SNAPSHOT_EVERY = 5;
const COMMITS = 12;

type Faults = Pick<Sweep, "call" | "error" | "effects">;

/** The errors of each call, and whether it is also the last one of its process. */
const FAULTS: Faults[] = [
  { call: "open", error: "ENOSPC", effects: ["ENOSPC"] },
  { call: "write", error: "EIO", effects: ["KILL", "EIO"] },
  { call: "write", error: "EDQUOT", effects: ["EDQUOT"] },
  { call: "fdatasync", error: "EIO", effects: ["KILL", "EIO"] },
  { call: "fsync", error: "EIO", effects: ["KILL", "EIO"] },
  { call: "rename", error: "ENOSPC", effects: ["KILL", "ENOSPC"] },
  { call: "ftruncate", error: "EIO", effects: ["KILL", "EIO"] },
  { call: "unlink", error: "EIO", effects: ["KILL", "EIO"] },
];
/** The calls that undo a write which found the disk full. */
const UNDOING: Call[] = ["ftruncate", "fsync", "unlink"];
/** One waits for the disk while another works. */
const SWEEPS_AT_ONCE = 3;

const NOTHING: Outcomes = { acked: new Set(), refused: new Set(), lastSubmitted: -1 };

/** Where a run begins, and how much it does. */
interface Scene {
  readonly name: string;
  /** The folder to copy for each run; by default there is none. */
  readonly start?: string;
  /** What the folder holds. */
  readonly outcomes: Outcomes;
  readonly commits: number;
  /** Whether the journal ends with a part of a line. */
  readonly isTorn?: boolean;
  /** A fault that comes in each run before the swept one. */
  readonly before?: Fault;
  /** The call that undoes what came before. */
  readonly undoneBy?: Call;
  /** The folder that SIGKILL leaves at `KILLED_AT`. */
  readonly killed?: string;
}

const FROM_NOTHING: Scene = { name: "from nothing", outcomes: NOTHING, commits: COMMITS };
/** A batch of changes must be cut back, then a segment's first line must be removed again. */
const DISK_FULL: Scene[] = ([[6, "ftruncate"], [7, "unlink"]] as const).map(([nth, undoneBy]) => ({
  ...FROM_NOTHING,
  name: `disk full at write ${nth}`,
  before: { call: "write", nth, effect: "ENOSPC" },
  undoneBy,
}));

/** Where SIGKILL ends the process that leaves the folder of "after a crash". */
const KILLED_AT = { call: "fdatasync", nth: 3 } as const;

const WRITER_OPTIONS = [
  `--seed=${SEED}`,
  `--commits=${COMMITS}`,
  `--snapshot-every=${SNAPSHOT_EVERY}`,
];

/**
 * Makes each call of this kind fail in each scene, and judges what each run leaves.
 *
 * @returns how many calls failed
 */
async function sweep(
  work: string,
  faults: Faults,
  scenes: readonly Scene[],
): Promise<number> {
  const { call, effects } = faults;
  const options = { work, seed: SEED, snapshotEvery: SNAPSHOT_EVERY, passes: scenes };
  const runs = await runSweep({ ...options, ...faults });
  let hits = 0;
  for (const scene of scenes) {
    for (const effect of effects) {
      const own = runs.filter(({ pass, faults }) =>
        pass === scene.name && faults.at(-1)!.effect === effect
      );
      if (call === KILLED_AT.call && effect === "KILL" && scene.killed !== undefined) {
        const { code, folder } = own[KILLED_AT.nth - 1];
        assertEquals(code, KILLED);
        assertEquals(await contentsOf(folder), await contentsOf(scene.killed), "as SIGKILL");
      }
      for (const run of own) await judgeRun(run, scene);
      hits += own.length - 1; // the last run found no call left to fail
      const last = own.at(-1)!;
      if (scene.before !== undefined) {
        assert(own.length > 1 || call !== scene.undoneBy, `${scene.name}: ${call} undoes it`);
        continue;
      }
      const isCalled = last.history.some((line) => line.startsWith(`${OPERATIONS[call]} `));
      assertEquals(own.length > 1, isCalled, `${scene.name}: ${call} is hit if it is called`);
      const isCut = last.history.includes("journal_tail_cut");
      assertEquals(isCut, scene.isTorn === true, `${scene.name}: a torn tail is reported`);
    }
  }
  return hits;
}

async function judgeRun(run: SweptRun, scene: Scene): Promise<void> {
  try {
    judgeEnd(run);
    const outcomes = parseOutcomes(run.history.join("\n") + "\n");
    const acked = new Set([...scene.outcomes.acked, ...outcomes.acked]);
    const lastSubmitted = scene.start === undefined
      ? outcomes.lastSubmitted
      : scene.outcomes.lastSubmitted + scene.commits;
    await reopenAndJudge(run.folder, SEED, { ...outcomes, acked, lastSubmitted });
  } catch (cause) {
    const where = `${scene.name}, ${JSON.stringify(run.faults)}`;
    throw new Error(`${where}: ${(cause as Error).message}`, { cause });
  }
}

/** How a run may end, and what it may do on the way. */
function judgeEnd({ code, history, faults: [{ call, effect }] }: SweptRun): void {
  assert([EXIT.done, EXIT.storage_failed, KILLED].includes(code), `exit code ${code}: ${history}`);
  if (call === "write") {
    const expected = effect === "EIO" ? "storage_failed" : "storage_full";
    const refused = history.filter((line) => line.startsWith("refused "));
    assert(refused.every((line) => line.endsWith(` ${expected}`)), `${refused}`);
  }
  const failedSync = history.findIndex((line) => /^failed sync.*\.ndjson: /.test(line));
  if (failedSync < 0 || code === KILLED) return;
  assertEquals(code, EXIT.storage_failed, `after ${history[failedSync]}`);
  const later = history.slice(failedSync + 1);
  assertEquals(later.filter((line) => /^ack|sync(Data)? .*\.ndjson/.test(line)), []);
}

Deno.test("Memory loses no acknowledged change whichever system call fails or is the last", async (t) => {
  const why = await whyNoStrace();
  if (why !== undefined) return await skip(t, why);
  await using temp = await TempFolder.make();
  using _ = unsyncedDisk(); // of this process alone, which judges what the writers left
  const [crashed, ended] = await Promise.all([makeCrashed(temp), makeEnded(temp)]);
  const fromNothing = { ...FROM_NOTHING, killed: `${temp.path}/killed` };
  const queue: Parameters<typeof sweep>[] = [];
  for (const faults of FAULTS) {
    const work = `${temp.path}/${faults.call}-${faults.error}`;
    queue.push([work, faults, [fromNothing, crashed, ended]]);
    if (UNDOING.includes(faults.call)) queue.push([`${work}-full`, faults, DISK_FULL]);
  }
  let hits = 0;
  const sweepInTurn = async (): Promise<void> => {
    for (let next; (next = queue.shift()) !== undefined;) {
      const hit = await sweep(...next);
      hits += hit;
    }
  };
  // All have ended before the folder is removed, whatever one of them throws.
  const ends = await Promise.allSettled(Array.from({ length: SWEEPS_AT_ONCE }, sweepInTurn));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  assert(hits > 100, `only ${hits} calls were hit`);
  figures(`${hits} system calls failed or were the last one, no acknowledged change was lost`);
});

/** A folder as a killed writer leaves it: with a torn tail and a snapshot that was not finished. */
async function makeCrashed(temp: TempFolder): Promise<Scene> {
  const [killed, start] = [`${temp.path}/killed`, `${temp.path}/crashed`];
  const { code, stdout } = await runWriter(killed, WRITER_OPTIONS, KILLED_AT);
  assertEquals(code, KILLED);
  copyFolder(killed, start);
  const segment = (await namesIn(start)).filter((name) => name.endsWith(".ndjson")).at(-1);
  await Deno.writeTextFile(`${start}/${segment}`, '{"crc":"0', { append: true });
  await Deno.writeTextFile(`${start}/memory.json.tmp`, '{"memory":1');
  return {
    name: "after a crash",
    start,
    outcomes: parseOutcomes(stdout),
    commits: 3,
    isTorn: true,
  };
}

/** A folder as a writer leaves it that ended by itself. */
async function makeEnded(temp: TempFolder): Promise<Scene> {
  const start = `${temp.path}/ended`;
  const { code, stdout } = await runWriter(start, WRITER_OPTIONS);
  assertEquals(code, EXIT.done);
  return { name: "with nothing to do", start, outcomes: parseOutcomes(stdout), commits: 0 };
}

Deno.test("Memory makes its system calls in the order that survives a power cut", async (t) => {
  const why = await whyNoStrace();
  if (why !== undefined) return await skip(t, why);
  await using temp = await TempFolder.make();
  const folder = `${temp.path}/memory`;
  const { code, stdout, trace } = await runWriter(folder, WRITER_OPTIONS);
  assertEquals([code, parseOutcomes(stdout).acked.size], [EXIT.done, COMMITS]);

  const unsynced = new Set<string>();
  let names = "synced";
  const calls = new Map<string, number>();
  for (const line of trace.split("\n").slice(0, -1)) {
    const { call, path, written } = readCall(line);
    calls.set(call, (calls.get(call) ?? 0) + 1);
    const isJournal = path.endsWith(".ndjson");
    if (written?.startsWith("ack")) {
      assert(![...unsynced].some((path) => path.endsWith(".ndjson")), `before its sync: ${line}`);
      assertEquals(names, "synced", `before the folder's sync: ${line}`);
    } else if (call === "write") {
      unsynced.add(path);
    } else if (call === "fsync" && path === folder) {
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

/** One line of a trace. */
interface TracedCall {
  readonly call: string;
  /** The file that it is about. */
  readonly path: string;
  /** The beginning of what it writes. */
  readonly written?: string;
}

function readCall(line: string): TracedCall {
  const shape =
    /^\d+ +(\w+)\((?:AT_FDCWD<[^>]*>, )?(?:\d+<([^>]*)>|"([^"]*)")(?:, "((?:[^"\\]|\\.)*))?/;
  assertMatch(line, shape);
  const [_, call, fromNumber, fromName, written] = shape.exec(line)!;
  return { call, path: fromNumber ?? fromName, written };
}
