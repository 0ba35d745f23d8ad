/**
 * Restarts of one role after the other under work that goes on: in any order, and with a new secret.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { EXIT } from "../../lib/exit.ts";
import { AGENT_ROLES, type Role, ROLES } from "../../lib/roles.ts";
import type { Remote } from "../../orchestrator/cli/remote.ts";
import { Dice } from "../harness/dice.ts";
import { RoleProcesses } from "../harness/role_processes.ts";
import { TempFolder } from "../harness/temp_folder.ts";
import { PATIENCE_MS } from "../harness/waiting.ts";

const SEED = 20261123;

async function submit(remote: Remote, text: string): Promise<string> {
  return (await remote.ask("submit", { input: { sources: [{ text }] } })).task as string;
}

async function assertDone(remote: Remote, task: string): Promise<void> {
  const reply = await remote.askAgain("result", { task, wait_ms: PATIENCE_MS }, PATIENCE_MS);
  assertEquals(reply.state, "done", JSON.stringify(reply));
}

Deno.test("tasks end done in whatever order agents stop and come back", async () => {
  await using temp = await TempFolder.make();
  await using roles = await RoleProcesses.in(temp.path);
  await roles.makeSecret();
  await roles.startAll();
  using remote = await roles.remote();
  const dice = new Dice(SEED);
  const tasks: string[] = [];
  for (let round = 0; round < 3; round++) {
    for (const role of dice.shuffled(AGENT_ROLES)) {
      tasks.push(await submit(remote, `ERROR ${round} before the stop of ${role}`));
      await roles.stop(role, dice.pick(["SIGTERM", "SIGKILL"]));
    }
    for (const role of dice.shuffled(AGENT_ROLES)) {
      tasks.push(await submit(remote, `ERROR ${round} before the start of ${role}`));
      roles.start(role);
    }
  }
  for (const task of tasks) await assertDone(remote, task);
});

Deno.test("a secret is replaced role by role, and no task is refused or lost", async () => {
  const [old, next] = [1, 2].map(() => crypto.getRandomValues(new Uint8Array(32)).toHex());
  const held = new Map<Role, string>(ROLES.map((role) => [role, old]));
  await using temp = await TempFolder.make();
  const env = (role: Role) => ({ AUTH_TOKEN: held.get(role)! });
  await using roles = await RoleProcesses.in(temp.path, { env });
  await roles.startAll();
  const dice = new Dice(SEED);
  const tasks: string[] = [];
  for (const secret of [`${old}\n${next}`, `${next}\n${old}`, next]) {
    for (const role of dice.shuffled(ROLES)) {
      {
        using remote = await roles.remote(held.get("orchestrator"));
        tasks.push(await submit(remote, `ERROR task ${tasks.length}`));
      }
      assertEquals(await roles.stop(role), EXIT.done, role);
      held.set(role, secret);
      roles.start(role);
      await roles.up();
      using remote = await roles.remote(held.get("orchestrator"));
      tasks.push(await submit(remote, `ERROR task ${tasks.length}`));
      await assertDone(remote, tasks.at(-1)!);
    }
  }
  using remote = await roles.remote(next);
  for (const task of tasks) await assertDone(remote, task);
  const { tasks: done } = await remote.ask("list", { states: ["done"] });
  assertEquals((done as unknown[]).length, tasks.length, "each task was made once");
  const refused = await roles.run("orchestrator", ["list"], { AUTH_TOKEN: old });
  assertEquals(refused.code, EXIT.refused, "the old secret is no longer accepted");
});
