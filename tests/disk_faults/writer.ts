/**
 * A program that is stopped: it commits numbered changes in a memory, several at once, goes on behind
 * those that are there, and tells on stdout what became of each: `ack 7` when it is on disk,
 * `refused 7 storage_full` when it is taken back.
 *
 *     deno run --allow-all tests/disk_faults/writer.ts FOLDER --seed=1 --commits=12 --snapshot-every=5
 *
 * `--one-thread` makes each system call in the main thread, where strace can count them all.
 * `--no-sync` leaves the syncs out.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { CodedError } from "../../lib/errors.ts";
import { EXIT, ExitError } from "../../lib/exit.ts";
import { Memory } from "../../lib/disk/memory.ts";
import { changesOf, IN_FLIGHT, isLazy, numbersIn } from "./numbered.ts";

/** It ends by itself should the test that started it be gone. */
const ENDS_AFTER_MS = 60_000;

const args = parseArgs(Deno.args, {
  string: ["seed", "commits", "snapshot-every"],
  boolean: ["one-thread", "no-sync"],
});
const [folder] = args._.map(String);
const [seed, commits, snapshotEvery] = [args.seed, args.commits, args["snapshot-every"]].map(
  Number,
);

const encoder = new TextEncoder();

function tell(line: string): void {
  Deno.stdout.writeSync(encoder.encode(line + "\n"));
}

function endWith(error: unknown): never {
  Deno.stderr.writeSync(encoder.encode(`${error}\n`));
  Deno.exit(error instanceof ExitError ? error.exitCode : EXIT.failed);
}

// deno-lint-ignore no-explicit-any -- any function of any object
function replace(owner: any, name: string, by: (...args: any[]) => unknown): void {
  Object.defineProperty(owner, name, {
    ...Object.getOwnPropertyDescriptor(owner, name),
    value: by,
  });
}

/** As from a pool of threads, a call ends in a later turn; what comes meanwhile has to wait. */
function callInOneThread(): void {
  // deno-lint-ignore no-explicit-any -- as above
  const inMainThread = (owner: any, name: string): void =>
    // deno-lint-ignore no-explicit-any -- as above
    replace(owner, name, async function (this: unknown, ...args: any[]) {
      await new Promise((resolve) => setTimeout(resolve));
      return owner[`${name}Sync`].apply(this, args);
    });
  for (const name of ["write", "sync", "syncData", "truncate"]) {
    inMainThread(Deno.FsFile.prototype, name);
  }
  for (const name of ["open", "rename", "remove"]) inMainThread(Deno, name);
}

if (args["one-thread"]) callInOneThread();
if (args["no-sync"]) {
  for (const name of ["sync", "syncData"]) replace(Deno.FsFile.prototype, name, async () => {});
}
Deno.unrefTimer(setTimeout(() => Deno.exit(EXIT.timed_out), ENDS_AFTER_MS));

const memory = await Memory.open({
  folder,
  role: "writer",
  log: (level, event, fields) =>
    void Deno.stderr.writeSync(encoder.encode(JSON.stringify({ level, event, ...fields }) + "\n")),
  onFailed: () => Deno.exit(EXIT.storage_failed),
}).catch(endWith);

let next = (numbersIn(new Map(memory.entries(""))).at(-1) ?? -1) + 1;
const end = next + commits;

async function commitOneByOne(): Promise<void> {
  while (next < end) {
    const number = next++;
    try {
      await memory.commit(changesOf(seed, number), { lazy: isLazy(number) });
      tell(`ack ${number}`);
    } catch (error) {
      tell(`refused ${number} ${error instanceof CodedError ? error.code : error}`);
    }
    if (number % snapshotEvery !== snapshotEvery - 1) continue;
    await memory.snapshot().catch((error) => tell(`no snapshot: ${error}`));
  }
}

await Promise.all(Array.from({ length: IN_FLIGHT }, commitOneByOne));
await memory[Symbol.asyncDispose]();
