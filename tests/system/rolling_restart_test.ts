/**
 * Real roles that are stopped one after the other and come back in another order, and that change
 * their secret that way, under work that goes on.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { EXIT } from "../../lib/exit.ts";
import { AGENT_ROLES } from "../../lib/launch/launch.ts";
import { type Role, ROLES } from "../../lib/roles.ts";
import { Dice } from "../harness/dice.ts";
import { TempFolder } from "../harness/temp_folder.ts";
import { Processes } from "../harness/processes.ts";

const SEED = 20261123;

/** All roles in an order that the dice give. */
function shuffled<T>(roles: readonly T[], dice: Dice): T[] {
  return roles.map((role) => [dice.next(), role] as const).sort(([a], [b]) => a - b)
    .map(([, role]) => role);
}

async function submit(roles: Processes, text: string): Promise<void> {
  const { code, stderr } = await roles.run("orchestrator", ["submit", "--text", text]);
  assertEquals(code, EXIT.done, stderr);
}

Deno.test("tasks end done whatever the order in which agents go and come back", async () => {
  await using temp = await TempFolder.make();
  await using roles = await Processes.in(temp.path);
  assertEquals((await roles.run("orchestrator", ["secret"])).code, EXIT.done);
  const dice = new Dice(SEED);
  roles.startAll();
  await roles.up();
  for (let round = 0; round < 3; round++) {
    for (const role of shuffled(AGENT_ROLES, dice)) {
      await submit(roles, `ERROR ${round} ${role} went`);
      assertEquals(await roles.stop(role, dice.below(2) === 0 ? "SIGTERM" : "SIGKILL") >= 0, true);
    }
    for (const role of shuffled(AGENT_ROLES, dice)) {
      await submit(roles, `ERROR ${round} ${role} came`);
      roles.start(role);
    }
  }
  await roles.until(
    ["list", "--state", "done", "--json"],
    ({ stdout }) => JSON.parse(stdout).tasks.length === 18,
  );
});

Deno.test("a secret is changed role by role without a task that is refused or lost", async () => {
  const [old, next] = [1, 2].map(() => crypto.getRandomValues(new Uint8Array(32)).toHex());
  const held = new Map<Role, string>(ROLES.map((role) => [role, old]));
  await using temp = await TempFolder.make();
  await using roles = await Processes.in(temp.path, (role) => ({ AUTH_TOKEN: held.get(role)! }));
  roles.startAll();
  await roles.up();
  let tasks = 0;
  const dice = new Dice(SEED);
  for (const secret of [`${old}\n${next}`, `${next}\n${old}`, next]) {
    for (const role of shuffled(ROLES, dice)) {
      await submit(roles, `ERROR task ${++tasks}`);
      assertEquals(await roles.stop(role), EXIT.done, role);
      held.set(role, secret);
      roles.start(role);
      await roles.up();
      const done = await roles.run("orchestrator", [
        "submit",
        "--text",
        `ERROR ${++tasks}`,
        "--wait",
      ]);
      assertEquals(done.code, EXIT.done, done.stderr);
    }
  }
  const late = await roles.run("orchestrator", ["list"], { AUTH_TOKEN: old });
  assertEquals(late.code, EXIT.refused, "the old one is over");
  await roles.until(
    ["list", "--state", "done", "--json"],
    ({ stdout }) => JSON.parse(stdout).tasks.length === tasks,
  );
});
