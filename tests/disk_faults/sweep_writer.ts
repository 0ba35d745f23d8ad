/**
 * A program that runs the writer over and over, so that each of its system calls of one kind fails
 * once: in run n the nth call fails, until a run has no nth call. All runs share one process, since
 * starting one costs ten times what a run does.
 *
 * strace makes every `PERIOD`th call fail. Before each run the program spends calls on a file of its
 * own, until the nth call from there is the one that fails. It counts the calls as strace does.
 *
 *     strace … deno run --allow-all tests/disk_faults/sweep_writer.ts '{"work":"/tmp/…",…}'
 *
 * Its argument is a `Sweep`. It prints one `SweptRun` a line.
 *
 * @module
 */
import { EXIT, ExitError } from "../../lib/exit.ts";
import { Memory } from "../../lib/disk/memory.ts";
import { SYSTEM } from "../../lib/system.ts";
import { copyFolder } from "../harness/temp_folder.ts";
import { commitNumbered } from "./commit_numbered.ts";
import { SingleThreadDisk } from "./single_thread_disk.ts";
import {
  type Call,
  type Effect,
  ERRORS,
  type Fault,
  injectedIn,
  KILLED,
  LIVE,
  memoryPaths,
  OPERATIONS,
  PERIOD,
  SPENT,
  type Sweep,
  type SweptRun,
} from "./strace.ts";

/** It ends by itself if the test that started it is gone. */
const ENDS_AFTER_MS = 120_000;

const { work, seed, snapshotEvery, call, error, effects, passes }: Sweep = JSON.parse(Deno.args[0]);
const live = `${work}/${LIVE}`;
const watched = new Set(memoryPaths(`${live}/memory`));
const [spent, spentLink] = SPENT.map((name) => `${work}/${name}`);
const spentFile = Deno.openSync(spent, { create: true, write: true });

/** One call of each kind, on a file that no run writes. */
const SPEND: Record<Call, () => void> = {
  open: () => Deno.openSync(spent).close(),
  write: () => void spentFile.writeSync(new Uint8Array(1)),
  fdatasync: () => spentFile.syncDataSync(),
  fsync: () => spentFile.syncSync(),
  ftruncate: () => spentFile.truncateSync(0),
  rename: () => Deno.renameSync(spent, spent),
  unlink: () => Deno.removeSync(spentLink),
};

/** Whether strace made the call fail. */
function spendFails(call: Call): boolean {
  // A link costs no call that strace counts.
  if (call === "unlink" && !linkIsThere()) Deno.symlinkSync("nothing", spentLink);
  try {
    SPEND[call]();
    return false;
  } catch {
    return true;
  }
}

function linkIsThere(): boolean {
  try {
    return Deno.lstatSync(spentLink).isSymlink;
  } catch {
    return false;
  }
}

/** How many calls of each kind there were since one that failed. */
const counts = new Map<Call, number>();

/** Makes the nth call of this kind from now on the one that fails. */
function aim({ call, nth }: Fault): void {
  let count = counts.get(call);
  for (let spent = 0; count === undefined; spent++) {
    if (spent > PERIOD) throw new Error(`strace makes no ${call} fail`);
    if (spendFails(call)) count = 0;
  }
  for (; (count + nth) % PERIOD !== 0; count++) {
    if (spendFails(call) !== ((count + 1) % PERIOD === 0)) {
      throw new Error(`strace does not make every ${PERIOD}th ${call} fail`);
    }
  }
  counts.set(call, count);
}

/** Counts the calls of a run that strace has counted. */
function count(history: readonly string[]): void {
  for (const line of history) {
    const [_, operation, path] = /^(?:failed )?(\w+) ([^:]+)/.exec(line) ?? [];
    // Deno looks for a file before it removes it.
    const isCall = operation !== "remove" || !line.includes("(os error 2)");
    if (!isCall || !watched.has(path)) continue;
    for (const [call, before] of counts) {
      if (OPERATIONS[call] === operation) counts.set(call, before + 1);
    }
  }
}

async function runOnce(
  commits: number,
  effect: Effect,
): Promise<Pick<SweptRun, "code" | "history">> {
  const history: string[] = [];
  const report = (line: string): void => {
    if (!disk.ended) history.push(line);
  };
  const disk = new SingleThreadDisk(report, effect === "KILL" ? ERRORS[error] : undefined);
  const failed = Promise.withResolvers<number>();
  const write = async (): Promise<number> => {
    const memory = await Memory.open({
      folder: `${live}/memory`,
      role: "writer",
      log: (_level, event) => report(event),
      onFailed: () => {
        disk.end();
        failed.resolve(EXIT.storage_failed);
      },
      system: { ...SYSTEM, disk },
    });
    await commitNumbered(memory, { seed, commits, snapshotEvery, report });
    return EXIT.done;
  };
  const code = await Promise.race([
    write().catch((error) => {
      report(String(error));
      return error instanceof ExitError ? error.exitCode : EXIT.failed;
    }),
    failed.promise,
    disk.death.then(() => KILLED),
  ]);
  disk.end();
  return { code, history };
}

function print(run: SweptRun): void {
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(run) + "\n"));
}

Deno.unrefTimer(setTimeout(() => Deno.exit(EXIT.timed_out), ENDS_AFTER_MS));
const sweeps = passes.flatMap((pass) => effects.map((effect) => ({ ...pass, effect })));
for (const { name, start, commits, before, effect } of sweeps) {
  for (let nth = 1, isHit = true; isHit; nth++) {
    if (nth >= PERIOD) throw new Error("No end of calls");
    prepare(start);
    const faults = [...(before === undefined ? [] : [before]), { call, nth, effect }];
    for (const fault of faults) aim(fault);
    const { code, history } = await runOnce(commits, effect);
    count(history);
    const folder = `${work}/${name}-${effect}-${nth}`;
    Deno.renameSync(live, folder);
    const injected = injectedIn(history);
    if (injected > faults.length) throw new Error(`A run makes more than ${PERIOD} calls`);
    isHit = code === KILLED || injected === faults.length;
    print({ pass: name, faults, folder: `${folder}/memory`, isHit, code, history });
  }
}

/** Makes the live folder of calls that strace does not count. */
function prepare(start?: string): void {
  const folder = `${work}/next`;
  Deno.mkdirSync(folder);
  if (start !== undefined) copyFolder(start, `${folder}/memory`);
  Deno.renameSync(folder, live);
}
