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
import { type Outcomes, parseOutcomes } from "./numbered.ts";
import { contentsOf, namesIn, reopenAndJudge } from "./reopened.ts";
import {
  type Call,
  type Effect,
  type Fault,
  KILLED,
  runSweep,
  runWriter,
  type SweptRun,
  whyNoStrace,
} from "./strace.ts";

const SEED = 1;
const SNAPSHOT_EVERY = 5;
const COMMITS = 12;

const EFFECTS: [Call, Effect[]][] = [
  ["open", ["ENOSPC"]],
  ["write", ["KILL", "EIO", "EDQUOT"]],
  ["fdatasync", ["KILL", "EIO"]],
  ["fsync", ["KILL", "EIO"]],
  ["rename", ["KILL", "ENOSPC"]],
  ["ftruncate", ["KILL", "EIO"]],
  ["unlink", ["KILL", "EIO"]],
];
/** The disk's operation that makes a system call. */
const OPERATIONS: Record<Call, string> = {
  open: "open",
  write: "write",
  fdatasync: "syncData",
  fsync: "sync",
  rename: "rename",
  ftruncate: "truncate",
  unlink: "remove",
};

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
}

const FROM_NOTHING: Scene = { name: "from nothing", outcomes: NOTHING, commits: COMMITS };
/** A batch of changes must be cut back, then a segment's first line must be removed again. */
const DISK_FULL: Scene[] = [6, 7].map((nth) => ({
  ...FROM_NOTHING,
  name: `disk full at write ${nth}`,
  before: { call: "write", nth, effect: "ENOSPC" },
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
 * @returns how many calls failed in each scene
 */
async function sweep(
  work: string,
  call: Call,
  effect: Effect,
  scenes: readonly Scene[],
): Promise<number[]> {
  const runs = await runSweep({
    work,
    seed: SEED,
    snapshotEvery: SNAPSHOT_EVERY,
    call,
    effect,
    passes: scenes,
  });
  const hits: number[] = [];
  for (const scene of scenes) {
    const own = runs.filter(({ pass }) => pass === scene.name);
    for (const run of own) await judgeRun(run, scene);
    hits.push(own.length - 1); // the last run found no call left to fail
    const last = own.at(-1)!;
    if (scene.before !== undefined) continue;
    const isCalled = last.history.some((line) => line.startsWith(`${OPERATIONS[call]} `));
    assertEquals(own.length > 1, isCalled, `${scene.name}: ${call} is hit if it is called`);
    const isCut = last.history.includes("journal_tail_cut");
    assertEquals(isCut, scene.isTorn === true, `${scene.name}: a torn tail is reported`);
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
  const [crashed, ended] = [await makeCrashed(temp), await makeEnded(temp)];
  let hits = 0;

  for (const [call, effects] of EFFECTS) {
    await t.step(`each ${call} with ${effects.join(", ")}`, async () => {
      const sweeps = effects.map((effect) =>
        sweep(`${temp.path}/${call}-${effect}`, call, effect, [FROM_NOTHING, crashed, ended])
      );
      for (const hit of (await Promise.all(sweeps)).flat()) hits += hit;
    });
  }
  for (const call of ["ftruncate", "fsync", "unlink"] as const) {
    await t.step(`each ${call} when a write found the disk full`, async () => {
      const sweeps = (["KILL", "EIO"] as const).map((effect) =>
        sweep(`${temp.path}/full-${call}-${effect}`, call, effect, DISK_FULL)
      );
      for (const [batch, firstLine] of await Promise.all(sweeps)) {
        assert(batch > 0 || call !== "ftruncate", "a batch is cut back");
        assert(firstLine > 0 || call !== "unlink", "a segment is removed again");
        hits += batch + firstLine;
      }
    });
  }
  await t.step("a run that dies leaves what SIGKILL leaves", async () => {
    const { name, commits } = FROM_NOTHING;
    const runs = await runSweep({
      work: `${temp.path}/dies`,
      seed: SEED,
      snapshotEvery: SNAPSHOT_EVERY,
      call: KILLED_AT.call,
      effect: "KILL",
      passes: [{ name, commits }],
    });
    const { code, folder } = runs[KILLED_AT.nth - 1];
    assertEquals(code, KILLED);
    assertEquals(await contentsOf(folder), await contentsOf(`${temp.path}/killed`));
  });
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
