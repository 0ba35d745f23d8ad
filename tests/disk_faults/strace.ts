/**
 * Runs the writers under strace, which makes a system call fail or kills the process at it.
 *
 * @module
 */
const WRITER = new URL("writer.ts", import.meta.url).pathname;
const SWEEP_WRITER = new URL("sweep_writer.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** No run may take longer, on the busiest machine. */
const RUN_MS_MAX = 40_000;
const SWEEP_MS_MAX = 120_000;
/** More segments than a run begins, and more records than it writes. */
const SEQ_MAX = 60;

/** The exit code of a process that SIGKILL ended. */
export const KILLED = 137;

/** The names of each call on different machines; strace skips a name that it does not know. */
const CALLS = {
  write: "write",
  fdatasync: "fdatasync",
  fsync: "fsync",
  ftruncate: "ftruncate",
  rename: "?rename,?renameat,?renameat2",
  unlink: "?unlink,?unlinkat",
  open: "?open,openat",
} as const;

/** The disk's operation that makes a system call, as a run's history names it. */
export const OPERATIONS: Record<Call, string> = {
  open: "open",
  write: "write",
  fdatasync: "syncData",
  fsync: "sync",
  rename: "rename",
  ftruncate: "truncate",
  unlink: "remove",
};

/** The system's numbers of the errors that are injected. */
export const ERRORS = { EIO: 5, ENOSPC: 28, EDQUOT: 122 } as const;

export type Call = keyof typeof CALLS;
export type Effect = "KILL" | keyof typeof ERRORS;

/** What happens to the `nth` call, from 1, among those on a file of the memory. */
export interface Fault {
  readonly call: Call;
  readonly nth: number;
  readonly effect: Effect;
}

/** The result of one run of the writer. */
export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The memory's files that it opened, wrote, synced, renamed or removed, one call a line. */
  readonly trace: string;
}

/** In a sweep every `PERIOD`th call of a kind fails; no run makes as many. */
export const PERIOD = 32;
/** In a sweep's folder: the folder of the run that is going on, and files that no run writes. */
export const LIVE = "live";
export const SPENT = ["spent", "spent-link"];

/**
 * Runs in which the first call of a kind fails, then the second, and so on, until none is left. All
 * that strace makes fail in one process fails with one error: where a process is to die at a call, it
 * takes that error for its death.
 */
export interface Sweep {
  /** The folder in which each run gets one. */
  readonly work: string;
  readonly seed: number;
  readonly snapshotEvery: number;
  readonly call: Call;
  readonly error: keyof typeof ERRORS;
  /** Each effect on each pass is a sweep of its own: `error` itself, or "KILL". */
  readonly effects: readonly Effect[];
  readonly passes: readonly {
    readonly name: string;
    /** A folder to copy for each run; by default a run begins without a memory. */
    readonly start?: string;
    readonly commits: number;
    /** A fault that comes in each run besides the swept one. */
    readonly before?: Fault;
  }[];
}

/** The result of one run of a sweep. */
export interface SweptRun {
  readonly pass: string;
  /** The last is the swept one. */
  readonly faults: readonly Fault[];
  /** The memory's folder. */
  readonly folder: string;
  /** Whether it died or all of `faults` came; only the last run of a pass misses one. */
  readonly isHit: boolean;
  /** Exit code, as if it were a process of its own. */
  readonly code: number;
  /** The disk's calls, what the memory logged and what became of each change, in order. */
  readonly history: readonly string[];
}

/** How the writer is started. */
export function writerCommand(folder: string, ...options: string[]): string[] {
  return program(WRITER, folder, ...options);
}

/** Why no call can be made to fail here; `undefined` if it can. */
export async function whyNoStrace(): Promise<string | undefined> {
  try {
    const { success } = await new Deno.Command("strace", {
      args: ["-f", "-qq", "-o", "/dev/null", "-e", "inject=fsync:error=EIO", "true"],
      stdout: "null",
      stderr: "null",
    }).output();
    return success ? undefined : "strace may not trace here";
  } catch {
    return "strace is not installed"; // or can't be started, which is the same here
  }
}

/**
 * Runs the writer in one thread, until `kill` if that is given.
 *
 * @param folder the memory; the run also leaves `${folder}.out` and `${folder}.trace`
 */
export async function runWriter(
  folder: string,
  options: readonly string[],
  kill?: { readonly call: Call; readonly nth: number },
): Promise<Run> {
  const [out, trace] = [`${folder}.out`, `${folder}.trace`];
  // With --seccomp-bpf strace is quicker, but the signals that it injects get lost.
  const inject = kill === undefined
    ? ["--seccomp-bpf"]
    : ["-e", `inject=${CALLS[kill.call]}:signal=KILL:when=${kill.nth}`];
  const calls = Object.values(CALLS).join(",");
  const strace = ["-f", "-qq", "-y", "-s", "16", "-o", trace, "-e", `trace=${calls}`, ...inject];
  const writer = writerCommand(folder, "--single-thread", ...options);
  // The trace shows acknowledgements among the calls only if stdout is a file that it watches.
  const { code, stderr } = await new Deno.Command("sh", {
    args: [
      "-c",
      'out=$1; shift; exec strace "$@" >"$out"',
      "sh",
      out,
      ...strace,
      ...watch([...memoryPaths(folder), out]),
      ...writer,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    signal: AbortSignal.timeout(RUN_MS_MAX), // SIGTERM, which strace passes on
  }).output();
  return {
    code,
    stdout: await Deno.readTextFile(out),
    stderr: new TextDecoder().decode(stderr),
    trace: await Deno.readTextFile(trace),
  };
}

/** Runs the writer again and again in one process. */
export async function runSweep(sweep: Sweep): Promise<SweptRun[]> {
  const { work, call, error, passes } = sweep;
  const faults = new Map<Call, Effect>([[call, error]]);
  for (const { before } of passes) if (before !== undefined) faults.set(before.call, before.effect);
  await Deno.mkdir(work);
  const trace = `${work}.trace`;
  const calls = [...faults.keys()].map((call) => CALLS[call]).join(",");
  const strace = ["-f", "-qq", "-y", "--seccomp-bpf", "-o", trace, "-e", `trace=${calls}`];
  const inject = [...faults].flatMap(([call, error]) => {
    return ["-e", `inject=${CALLS[call]}:error=${error}:when=${PERIOD}+${PERIOD}`];
  });
  const paths = [
    ...memoryPaths(`${work}/${LIVE}/memory`),
    ...SPENT.map((name) => `${work}/${name}`),
  ];
  const { success, stdout, stderr } = await new Deno.Command("strace", {
    args: [...strace, ...inject, ...watch(paths), ...program(SWEEP_WRITER, JSON.stringify(sweep))],
    stdin: "null",
    signal: AbortSignal.timeout(SWEEP_MS_MAX),
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const runs: SweptRun[] = new TextDecoder().decode(stdout).trim().split("\n")
    .map((line) => JSON.parse(line));
  assertAllSeen(runs, await Deno.readTextFile(trace), work);
  return runs;
}

/** A call that fails past the disk of a run would be a fault that nobody judges. */
function assertAllSeen(runs: readonly SweptRun[], trace: string, work: string): void {
  const injected = trace.split("\n")
    .filter((line) => line.includes("(INJECTED)") && line.includes(`${work}/${LIVE}/`)).length;
  const seen = runs.map(({ history }) => injectedIn(history)).reduce((a, b) => a + b, 0);
  if (injected !== seen) throw new Error(`${injected} calls failed, and the runs saw ${seen}`);
}

/** How many of a run's calls failed because strace made them fail. */
export function injectedIn(history: readonly string[]): number {
  const numbers = Object.values(ERRORS).join("|");
  const injected = new RegExp(`^failed .*\\(os error (${numbers})\\)`);
  return history.filter((line) => injected.test(line)).length;
}

function program(path: string, ...args: string[]): string[] {
  const run = ["run", "--allow-all", "--no-check", "--no-prompt", "--config", CONFIG];
  return [Deno.execPath(), ...run, path, ...args];
}

function watch(paths: readonly string[]): string[] {
  return paths.flatMap((path) => ["-P", path]);
}

/** The paths in a memory's folder whose calls strace watches. */
export function memoryPaths(folder: string): string[] {
  const segments = Array.from(
    { length: SEQ_MAX },
    (_, seq) => `${folder}/journal-${String(seq + 1).padStart(12, "0")}.ndjson`,
  );
  const others = ["lock", "memory.json", "memory.json.tmp"].map((name) => `${folder}/${name}`);
  return [folder, ...others, ...segments];
}
