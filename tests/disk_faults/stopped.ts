/**
 * Runs the writer under strace, which makes a system call fail or kills the writer at it.
 *
 * @module
 */
import { parseTold, type Told } from "./numbered.ts";

export const WRITER = new URL("writer.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** No run may take longer, on the busiest machine. */
const RUN_MS_MAX = 40_000;
/** More segments than a run begins, and more records than it writes. */
const SEQ_MAX = 60;

/** A call by the names that it has on different machines; strace skips the ones it does not know. */
export const CALLS = {
  write: "write",
  fdatasync: "fdatasync",
  fsync: "fsync",
  ftruncate: "ftruncate",
  rename: "?rename,?renameat,?renameat2",
  unlink: "?unlink,?unlinkat",
  open: "?open,openat",
} as const;

export type Call = keyof typeof CALLS;
export type Effect = "KILL" | "EIO" | "ENOSPC" | "EDQUOT";

/** What happens to the `nth` call, from 1, of those that name a file of the memory. */
export interface Fault {
  readonly call: Call;
  readonly nth: number;
  readonly effect: Effect;
}

export interface Run {
  readonly told: Told;
  /** Why it refused what it refused. */
  readonly codes: readonly string[];
  /** 137 where it was killed. */
  readonly code: number;
  readonly stderr: string;
  /** Each call that failed as told, as strace shows it. */
  readonly failed: readonly string[];
  /** What it acknowledged after the last of them. */
  readonly ackedAfter: number;
  /** The memory's files that it opened, wrote, synced, renamed or removed, one call a line. */
  readonly trace: string;
}

/** How the writer is started. */
export function writerCommand(folder: string, ...options: string[]): string[] {
  const run = ["run", "--allow-all", "--no-check", "--no-prompt", "--config", CONFIG];
  return [Deno.execPath(), ...run, WRITER, folder, ...options];
}

/** Why no call can be made to fail here; nothing where it can. */
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
 * Runs the writer with the faults.
 *
 * @param folder the memory; what the run leaves beside it is `${folder}.out` and `${folder}.trace`
 */
export async function runWithFaults(
  folder: string,
  faults: readonly Fault[],
  options: readonly string[],
): Promise<Run> {
  const [out, trace] = [`${folder}.out`, `${folder}.trace`];
  const traced = [...new Set([...Object.values(CALLS)])].join(",");
  // strace counts the calls that it shows, so what is written elsewhere is only shown where no
  // write is to fail.
  const countsWrites = faults.some(({ call }) => call === "write");
  const paths = [...pathsOf(folder), ...(countsWrites ? [] : [out])];
  // With this strace is quicker, but the signals that it injects get lost.
  const kills = faults.some(({ effect }) => effect === "KILL");
  const strace = [
    ["strace", "-f", "-qq", "-y", "-s", "16", "-o", trace, "-e", `trace=${traced}`],
    kills ? [] : ["--seccomp-bpf"],
    paths.flatMap((path) => ["-P", path]),
    faults.flatMap(({ call, nth, effect }) => {
      const what = effect === "KILL" ? "signal=KILL" : `error=${effect}`;
      return ["-e", `inject=${CALLS[call]}:${what}:when=${nth}`];
    }),
    writerCommand(folder, "--one-thread", ...options),
  ].flat();
  // The trace shows the order of acknowledgements and calls only where stdout has a name.
  const { code, stderr } = await new Deno.Command("sh", {
    args: ["-c", 'out=$1; shift; exec "$@" >"$out"', "sh", out, ...strace],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    signal: AbortSignal.timeout(RUN_MS_MAX), // SIGTERM, which strace passes on
  }).output();
  const lines = (await Deno.readTextFile(trace)).split("\n");
  const failed = lines.filter((line) => line.includes("(INJECTED)"));
  const last = lines.findLastIndex((line) => line.includes("(INJECTED)"));
  const text = await Deno.readTextFile(out);
  return {
    told: parseTold(text),
    codes: [...text.matchAll(/^refused \d+ (.*)$/gm)].map(([_, code]) => code),
    code,
    stderr: new TextDecoder().decode(stderr),
    failed,
    ackedAfter: lines.slice(last + 1).filter((line) => line.includes('"ack ')).length,
    trace: lines.join("\n"),
  };
}

function pathsOf(folder: string): string[] {
  const segments = Array.from(
    { length: SEQ_MAX },
    (_, seq) => `${folder}/journal-${String(seq + 1).padStart(12, "0")}.ndjson`,
  );
  const whole = ["lock", "memory.json", "memory.json.tmp"].map((name) => `${folder}/${name}`);
  return [folder, ...whole, ...segments];
}
