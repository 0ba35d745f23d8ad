/**
 * How soon Docker knows that a role does nothing any more. `.ci/containers` runs this last: the roles
 * stand still in it.
 *
 * @module
 */
import { sleep } from "../../lib/retry.ts";
import { type Role, ROLES } from "../../lib/roles.ts";
import { figures } from "../harness/test_output.ts";
import { Checks } from "./checks.ts";
import { DENO_IMAGE, docker, stack } from "./docker.ts";

const UNWELL_MS = 15_000;
const WELL_MS = 10_000;
const LOOK_MS = 100;

const containers = await stack();
const checks = new Checks();
const took: Record<string, string> = {};

Deno.test.afterAll(() => figures(`seconds until unhealthy, and healthy: ${JSON.stringify(took)}`));

/** Stops the program or lets it go on: the child of what starts it, not one that asks how it is. */
async function signal(role: Role, name: "STOP" | "CONT"): Promise<void> {
  const { Id } = containers[role];
  const line = `kill -${name} $(cat /proc/1/task/1/children)`;
  const options = ["--network", "none", "--user", "65532:65532", "--pid", `container:${Id}`];
  await docker("run", "--rm", ...options, "--entrypoint", "/bin/sh", DENO_IMAGE, "-c", line);
}

async function until(role: Role, status: string, ms: number): Promise<string> {
  const begun = performance.now();
  while (performance.now() - begun < ms) {
    const is = await docker("inspect", "-f", "{{.State.Health.Status}}", containers[role].Id);
    if (is === status) return ((performance.now() - begun) / 1_000).toFixed(1);
    await sleep(LOOK_MS);
  }
  checks.equal(`${role} ${status} within ${ms} ms`, false, true);
  return "never";
}

// Seen to fail: with `--interval=10s --retries=3`.
checks.test("a role that stands still is unhealthy soon, and healthy again when it goes on", async () => {
  await Promise.all(ROLES.map(async (role) => {
    await signal(role, "STOP");
    const unwell = await until(role, "unhealthy", UNWELL_MS).finally(() => signal(role, "CONT"));
    took[role] = `${unwell} ${await until(role, "healthy", WELL_MS)}`;
  }));
});
