/**
 * The whole pipeline as real processes, from a file in the inbox to its report on disk.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { CodedError } from "../../lib/errors.ts";
import { EXIT } from "../../lib/exit.ts";
import type { JsonObject } from "../../lib/json.ts";
import { backoffMs, sleep } from "../../lib/retry.ts";
import { ROLES } from "../../lib/roles.ts";
import type { Remote } from "../../orchestrator/cli/remote.ts";
import type { Task } from "../../orchestrator/tasks/task.ts";
import { Dice } from "../harness/dice.ts";
import { RoleProcesses } from "../harness/role_processes.ts";
import { TempFolder } from "../harness/temp_folder.ts";
import { PATIENCE_MS, until } from "../harness/waiting.ts";

const TASKS = 100;
const KILLS_MIN = 12;
/** Chosen once. Any other seed must pass as well. */
const SEED = 20261123;

Deno.test("every file in the inbox is reported on, and all roles end with 0 at SIGTERM", async () => {
  await using temp = await TempFolder.make();
  await using roles = await RoleProcesses.in(temp.path, { env: () => ({ BATON_WATCH: "1" }) });
  assertEquals((await roles.run("orchestrator", ["secret"])).code, EXIT.done);
  await roles.startAll();
  using remote = await roles.remote();
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
    const { size } = await Deno.stat(`${temp.path}/memory/reporter/${path}`);
    assert(size > 0, path);
  }

  const submit = ["submit", "--text", "ERROR disk 7 is full", "--wait"];
  const waited = await roles.run("orchestrator", submit);
  assertEquals(waited.code, EXIT.done, waited.stderr);
  assertStringIncludes(waited.stdout, "disk <*> is full");
  const missing = await roles.run("orchestrator", ["submit", "none.log", "--wait"]);
  assertEquals(missing.code, EXIT.failed);
  assertStringIncludes(missing.stderr, "not_found");

  await Deno.writeTextFile(`${temp.path}/inbox/later.log`, "2026-11-02 10:00:00 INFO late\n");
  assert((await tasksDone(remote, 6)).some(({ label }) => label === "later.log"));
  for (const { role, code } of await roles.stopAll()) assertEquals(code, EXIT.done, role);
});

Deno.test(`${TASKS} tasks run once each while roles are killed at random`, async () => {
  await using temp = await TempFolder.make();
  await using roles = await RoleProcesses.in(temp.path);
  await roles.makeSecret();
  await roles.startAll();
  const dice = new Dice(SEED);
  const acknowledged = new Set<string>();
  const killing = (async () => {
    let kills = 0;
    for (; acknowledged.size < TASKS || kills < KILLS_MIN; kills++) {
      // On a slow machine roles would be killed again before they have started, without end.
      const before = acknowledged.size;
      const isOn = () => acknowledged.size > before || acknowledged.size === TASKS;
      await until(isOn, "another task is acknowledged");
      await sleep(dice.below(400));
      const role = dice.pick(ROLES);
      await roles.stop(role, "SIGKILL");
      roles.start(role);
    }
    return kills;
  })();

  using remote = await roles.remote();
  for (let number = 0; number < TASKS; number++) {
    const task = await submitUntilAcknowledged(remote, {
      input: { sources: [{ text: `INFO request ${number} took 3 ms`, name: "crash" }] },
      key: `crash ${number}`,
    });
    acknowledged.add(task);
  }
  const kills = await killing;
  await roles.up();
  assertEquals(acknowledged.size, TASKS);

  const runs: number[] = [];
  for (const task of acknowledged) {
    const reply = await remote.askAgain("result", { task, wait_ms: PATIENCE_MS }, PATIENCE_MS);
    assertEquals(reply.state, "done", JSON.stringify(reply));
    runs.push((reply.result as { run: number }).run);
  }
  // The analyzer numbers the runs of a stream in its memory. A task that ran twice leaves a gap.
  runs.sort((a, b) => a - b);
  assertEquals(
    runs,
    Array.from({ length: TASKS }, (_, at) => at + 1),
    `seed ${SEED}, ${kills} kills`,
  );
});

/** Resolves to the tasks that are done once they are at least `count`. */
async function tasksDone(remote: Remote, count: number): Promise<Task[]> {
  for (const due = performance.now() + PATIENCE_MS; performance.now() < due; await sleep(100)) {
    const { tasks } = await remote.ask("list", { states: ["done"] });
    if ((tasks as JsonObject[]).length >= count) return tasks as unknown as Task[];
  }
  const listed = JSON.stringify(await remote.ask("list", {}));
  throw new Error(`Waited too long for ${count} tasks: ${listed}`);
}

/** Submits again and again until the orchestrator acknowledges. The key makes that one task. */
async function submitUntilAcknowledged(remote: Remote, body: JsonObject): Promise<string> {
  const due = performance.now() + PATIENCE_MS;
  for (let attempt = 1;; attempt++) {
    try {
      return (await remote.ask("submit", body)).task as string;
    } catch (error) {
      if (!(error instanceof CodedError) || performance.now() > due) throw error;
      await sleep(backoffMs(attempt, { baseMs: 20, maxMs: 500 }));
    }
  }
}
