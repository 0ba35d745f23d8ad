/**
 * A program that is stopped: it commits numbered changes in a memory, several at once, after
 * the numbers that are there. It reports on stdout what became of each: `ack 7` when it is on disk,
 * `refused 7 storage_full` when it is rolled back.
 *
 *     deno run --allow-all tests/disk_faults/writer.ts FOLDER --seed=1 --commits=12 --snapshot-every=5
 *
 * `--single-thread` makes each system call in the main thread, where strace can count them all.
 * `--no-sync` leaves the syncs out.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { EXIT, ExitError } from "../../lib/exit.ts";
import { Memory } from "../../lib/disk/memory.ts";
import { type Disk, SYSTEM } from "../../lib/system.ts";
import { commitNumbered } from "./commit_numbered.ts";
import { SingleThreadDisk } from "./single_thread_disk.ts";

/** It ends by itself if the test that started it is gone. */
const ENDS_AFTER_MS = 60_000;

const args = parseArgs(Deno.args, {
  string: ["seed", "commits", "snapshot-every"],
  boolean: ["single-thread", "no-sync"],
});
const [folder] = args._.map(String);
const encoder = new TextEncoder();

function diskOf(): Disk {
  if (args["single-thread"]) return new SingleThreadDisk();
  return args["no-sync"] ? { ...Deno, open: openUnsynced } : SYSTEM.disk;
}

async function openUnsynced(path: string, options?: Deno.OpenOptions): Promise<Deno.FsFile> {
  const file = await Deno.open(path, options);
  return Object.assign(file, { sync: async () => {}, syncData: async () => {} });
}

Deno.unrefTimer(setTimeout(() => Deno.exit(EXIT.timed_out), ENDS_AFTER_MS));
try {
  const memory = await Memory.open({
    folder,
    role: "writer",
    log: (level, event, fields) => {
      const line = JSON.stringify({ level, event, ...fields });
      Deno.stderr.writeSync(encoder.encode(line + "\n"));
    },
    onFailed: () => Deno.exit(EXIT.storage_failed),
    system: { ...SYSTEM, disk: diskOf() },
  });
  await commitNumbered(memory, {
    seed: Number(args.seed),
    commits: Number(args.commits),
    snapshotEvery: Number(args["snapshot-every"]),
    report: (line) => void Deno.stdout.writeSync(encoder.encode(line + "\n")),
  });
} catch (error) {
  Deno.stderr.writeSync(encoder.encode(`${error}\n`));
  Deno.exit(error instanceof ExitError ? error.exitCode : EXIT.failed);
}
