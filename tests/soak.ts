/**
 * `deno task soak --tasks N`: runs N tasks through an orchestrator's log and the memories of three
 * agents, all on disk. Then measures the heap, the files, and the time of a start.
 *
 * @module
 */
import process from "node:process";
import { z } from "zod";
import { defineAgent, op } from "../agents/define.ts";
import { Runtime } from "../agents/runtime/runtime.ts";
import { integer, parseSettings, settingsHelp } from "../lib/process/settings.ts";
import { Memory } from "../lib/disk/memory.ts";
import { runProgram, stderr, stdout } from "../lib/process/program.ts";
import type { JsonObject } from "../lib/json.ts";
import { PROTOCOL } from "../lib/wire/protocol.ts";
import { isFinal } from "../orchestrator/tasks/task.ts";
import { PIPELINES } from "../orchestrator/run/pipelines.ts";
import { Scheduler } from "../orchestrator/run/scheduler.ts";
import { TaskLog } from "../orchestrator/tasks/task_log.ts";
import { executeHere } from "./harness/execute_here.ts";
import { heapMib } from "./harness/heap.ts";

const SETTINGS = {
  tasks: { value: "N", fallback: 20_000, help: "How many", read: integer(1_000, 100_000_000) },
};
const MIB = 1024 * 1024;
const CONCURRENCY = 64;
const LOOKS = 10;
/** The most processor time that a start may take, so that a loaded machine does not count. */
const START_MS_MAX = 2_000;
/** The most by which the heap may grow from half of the tasks to the end, as a ratio. */
const GROWTH_MAX = 1.25;

const Any = z.record(z.string(), z.json());
type Any = z.infer<typeof Any>;
const quiet = (): void => {};

/** The handlers of each role. They do next to nothing, but count in memory. */
const WORK: Record<string, Record<string, (input: Any) => Any>> = {
  collector: { collect: () => ({ text: "INFO one\n", cursor: null }) },
  analyzer: {
    analyze: ({ text }) => ({ text }),
    combine: ({ partials }) => (partials as Any[])[0],
    merge: ({ partials }) => (partials as Any[])[0],
  },
  reporter: { report: ({ text }) => ({ headline: text, markdown: text }) },
};

interface Look {
  readonly tasks: number;
  readonly heapMib: number;
  readonly rssMib: number;
  readonly diskMib: number;
}

class Line implements AsyncDisposable {
  readonly memories: Memory[] = [];
  readonly taskLog: TaskLog;
  readonly scheduler: Scheduler;

  private constructor(memories: Memory[]) {
    this.memories = memories;
    const [own, ...others] = memories;
    const runtimes = new Map(
      Object.keys(WORK).map((role, at) => [role, runtime(role, others[at])]),
    );
    this.taskLog = new TaskLog(own);
    this.scheduler = new Scheduler({
      taskLog: this.taskLog,
      pipelines: PIPELINES,
      call: (agent, type, body, { id }) =>
        runtimes.get(agent)!.answer({ v: PROTOCOL, id, type, body }),
      pauses: { since: () => null },
      concurrency: CONCURRENCY,
      queueMax: CONCURRENCY * 2,
      log: quiet,
    });
  }

  static async open(folder: string): Promise<Line> {
    const roles = ["orchestrator", ...Object.keys(WORK)];
    return new Line(await Promise.all(roles.map((role) => openMemory(folder, role))));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scheduler.stop(10_000);
    for (const memory of this.memories) await memory[Symbol.asyncDispose]();
  }
}

await runProgram("soak", async () => {
  const { values: { tasks }, help } = parseSettings(SETTINGS, Deno.args);
  if (help) {
    stdout.write(settingsHelp(SETTINGS) + "\n");
    return 0;
  }
  const folder = await Deno.makeTempDir({ prefix: "baton-soak-" });
  try {
    return await soak(folder, tasks);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

async function soak(folder: string, tasks: number): Promise<number> {
  const begun = performance.now();
  const looks: Look[] = [];
  {
    await using line = await Line.open(folder);
    let [submitted, done] = [0, 0];
    const submit = async (): Promise<void> => {
      while (submitted < tasks) {
        await runOne(line, ++submitted);
        if (++done % Math.ceil(tasks / LOOKS) === 0) {
          looks.push(await look(folder, done));
          stderr.write(`${JSON.stringify(looks.at(-1))}\n`);
        }
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, submit));
    // Copied as a crash would leave it: without a last snapshot.
    await copyTo(folder, `${folder}-crashed`);
  }
  const seconds = (performance.now() - begun) / 1_000;
  const starts: Record<string, number> = {};
  for (const role of ["orchestrator", ...Object.keys(WORK)]) {
    const before = process.cpuUsage();
    await using memory = await openMemory(`${folder}-crashed`, role);
    if (role === "orchestrator") new TaskLog(memory);
    const { user, system } = process.cpuUsage(before);
    starts[role] = Math.round((user + system) / 1_000);
  }
  await Deno.remove(`${folder}-crashed`, { recursive: true });
  const half = looks[Math.floor(looks.length / 2) - 1];
  const last = looks.at(-1)!;
  const growth = last.heapMib / half.heapMib;
  stdout.write(
    `figures: ${tasks} tasks in ${seconds.toFixed(0)} s, ${
      (tasks / seconds).toFixed(0)
    } a second; ` +
      `heap ${half.heapMib} MiB at half, ${last.heapMib} MiB at the end; ` +
      `on disk ${last.diskMib} MiB; a start takes ${JSON.stringify(starts)} ms of the processor\n`,
  );
  const slow = Object.values(starts).some((ms) => ms > START_MS_MAX);
  if (slow) stderr.write(`A start takes longer than ${START_MS_MAX} ms\n`);
  if (growth > GROWTH_MAX) stderr.write(`The heap grows: ${growth.toFixed(2)} times\n`);
  return slow || growth > GROWTH_MAX ? 1 : 0;
}

async function runOne({ scheduler, taskLog }: Line, number: number): Promise<void> {
  const input: JsonObject = { sources: [{ text: `line ${number}` }] };
  const asked = { pipeline: "report", input, label: "", key: `k${number}`, digest: `${number}` };
  const { task } = await scheduler.add(() => taskLog.create({ ...asked, deadlineMs: 600_000 }));
  while (!isFinal(taskLog.get(task)!.state)) await taskLog.changed(task);
  const { state } = taskLog.get(task)!;
  if (state !== "done") throw new Error(`${task} is ${state}`);
}

function runtime(role: string, memory: Memory): Runtime {
  const ops = Object.entries(WORK[role]).map(([name, work]) => [
    name,
    op({
      input: Any,
      output: Any,
      handle: async (input, { memory }) => {
        memory.set("count", Number(await memory.get("count") ?? 0) + 1);
        return work(input);
      },
    }),
  ]);
  const agent = defineAgent(role, Object.fromEntries(ops));
  return new Runtime({ agent, memory, log: quiet, execute: executeHere(agent) });
}

async function openMemory(folder: string, role: string): Promise<Memory> {
  const onFailed = (error: unknown): never => {
    throw error;
  };
  return await Memory.open({ folder: `${folder}/${role}`, role, log: quiet, onFailed });
}

/** Measures what is used now. */
async function look(folder: string, tasks: number): Promise<Look> {
  const tenths = (mib: number): number => Math.round(mib * 10) / 10;
  return {
    tasks,
    heapMib: tenths(heapMib()),
    rssMib: tenths(Deno.memoryUsage().rss / MIB),
    diskMib: tenths(await sizeOf(folder) / MIB),
  };
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    // A segment may be removed meanwhile.
    bytes += isDirectory
      ? await sizeOf(path)
      : await Deno.stat(path).then(({ size }) => size, () => 0);
  }
  return bytes;
}

async function copyTo(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyTo(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}
