/**
 * The whole line as real processes.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { CodedError } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import { backoffMs, sleep } from "../../lib/retry.ts";
import { ROLES } from "../../lib/roles.ts";
import type { Remote } from "../../orchestrator/cli/remote.ts";
import type { Task } from "../../orchestrator/tasks/task.ts";
import { Dice } from "../harness/dice.ts";
import { LocalCluster } from "../harness/local_cluster.ts";

const TASKS = 200;
const WAIT_MS = 30_000;
/** Chosen once; another one must do as well. */
const SEED = 20261123;

Deno.test("what lies in the inbox is reported on, what is new is told, and all ends with 0", async () => {
  await using swarm = await LocalCluster.start();
  using remote = await swarm.remote();
  const done = await tasksDone(remote, 4);
  const labels = done.map(({ label }) => label).sort();
  assertEquals(labels, [
    "events.jsonl",
    "orders.csv",
    "shop-2026-11-01.log",
    "shop-2026-11-02.log",
  ]);

  const second = done.find(({ label }) => label === "shop-2026-11-02.log")!;
  const { result } = await remote.ask("result", { task: second.task });
  const { markdown, files } = result as { markdown: string; files: { path: string }[] };
  assertStringIncludes(markdown, "new template");
  for (const { path } of files) {
    const { size } = await Deno.stat(`${swarm.site.folder}/memory/reporter/${path}`);
    assert(size > 0, path);
  }

  const waited = await swarm.run("submit", "--text", "ERROR disk 7 is full", "--wait");
  assertEquals(waited.code, 0, waited.stderr);
  assertStringIncludes(waited.stdout, "disk <*> is full");
  const missing = await swarm.run("submit", "none.log", "--wait");
  assertEquals(missing.code, 1);
  assertStringIncludes(missing.stderr, "not_found");

  await Deno.writeTextFile(
    `${swarm.site.folder}/inbox/later.log`,
    "2026-11-02 10:00:00 INFO late\n",
  );
  assert((await tasksDone(remote, 6)).some(({ label }) => label === "later.log"));
  assertEquals(await swarm.stop(), ROLES.map((role) => ({ role, code: 0 })));
});

Deno.test(`${TASKS} tasks end once each while every role is killed at random`, async () => {
  await using swarm = await LocalCluster.start();
  const dice = new Dice(SEED);
  const submitting = new AbortController();
  const killing = (async () => {
    let kills = 0;
    while (!submitting.signal.aborted || kills < 12) {
      await sleep(100 + dice.below(400));
      await swarm.crash(dice.pick(ROLES));
      kills++;
    }
    return kills;
  })();

  const acknowledged = new Set<string>();
  using remote = await swarm.remote();
  for (let number = 0; number < TASKS; number++) {
    const task = await submitSurely(remote, {
      input: { sources: [{ text: `INFO request ${number} took 3 ms`, name: "crash" }] },
      key: `crash ${number}`,
    });
    acknowledged.add(task);
  }
  submitting.abort();
  const kills = await killing;
  await swarm.healthy();
  assertEquals(acknowledged.size, TASKS);

  const runs: number[] = [];
  for (const task of acknowledged) {
    const reply = await remote.askAgain("result", { task, wait_ms: WAIT_MS }, WAIT_MS);
    assertEquals(reply.state, "done", JSON.stringify(reply));
    runs.push((reply.result as { run: number }).run);
  }
  // The analyzer counts the runs of a stream in its memory: one that ran twice leaves a hole.
  runs.sort((a, b) => a - b);
  assertEquals(
    runs,
    Array.from({ length: TASKS }, (_, at) => at + 1),
    `seed ${SEED}, ${kills} kills`,
  );
});

/** Resolves when so many tasks are done, with them. */
async function tasksDone(remote: Remote, count: number): Promise<Task[]> {
  for (const due = performance.now() + WAIT_MS; performance.now() < due; await sleep(100)) {
    const { tasks } = await remote.ask("list", { states: ["done"] });
    if ((tasks as JsonObject[]).length >= count) return tasks as unknown as Task[];
  }
  throw new Error(
    `Cannot wait longer for ${count} tasks: ${JSON.stringify(await remote.ask("list", {}))}`,
  );
}

/** Submits until it is acknowledged; the key makes that one task. */
async function submitSurely(remote: Remote, body: JsonObject): Promise<string> {
  for (let attempt = 1;; attempt++) {
    try {
      return (await remote.ask("submit", body)).task as string;
    } catch (error) {
      if (!(error instanceof CodedError) || attempt > 100) throw error;
      await sleep(backoffMs(attempt, { baseMs: 20, maxMs: 500 }));
    }
  }
}
