/**
 * How soon Docker reports that a role stands still. `.ci/containers` runs this last, because it stops
 * the roles.
 *
 * @module
 */
import { sleep } from "../../lib/retry.ts";
import { type Role, ROLES } from "../../lib/roles.ts";
import { figures } from "../harness/test_output.ts";
import { Checks } from "./checks.ts";
import { DENO_IMAGE, docker, inspectStack } from "./docker.ts";

/** How long a check takes on an idle machine, at most: it waits 2 s for a role that stands still. */
const CHECK_MS = 3_000;
/** How long a change may take on an idle machine, and on any machine. The latter gives each check 30 s. */
interface Bounds {
  readonly idleMs: number;
  readonly maxMs: number;
}
/** Two checks fail, each 10 s after the last one. */
const UNHEALTHY: Bounds = { idleMs: 30_000, maxMs: 80_000 };
/** A check that is running fails, and the next one, 10 s later, does not. */
const HEALTHY: Bounds = { idleMs: 20_000, maxMs: 70_000 };
const POLL_MS = 200;

interface Health {
  readonly Status: string;
  /** The last five checks. */
  readonly Log: { readonly Start: string; readonly End: string }[];
}

const containers = await inspectStack();
const checks = new Checks();
const seconds: Record<string, number[]> = {};

Deno.test.afterAll(() =>
  figures(`seconds until unhealthy, and until healthy: ${JSON.stringify(seconds)}`)
);

/** Sends a signal to the role: the child of process 1, not a running check. */
async function signal(role: Role, name: "STOP" | "CONT"): Promise<void> {
  const { Id } = containers[role];
  const line = `kill -${name} $(cat /proc/1/task/1/children)`;
  const options = ["--network", "none", "--user", "65532:65532", "--pid", `container:${Id}`];
  await docker("run", "--rm", ...options, "--entrypoint", "/bin/sh", DENO_IMAGE, "-c", line);
}

/** Waits until Docker reports `status`; returns the seconds that took. */
async function waitForStatus(
  role: Role,
  status: string,
  { idleMs, maxMs }: Bounds,
): Promise<number> {
  const begun = Date.now();
  for (;;) {
    const health = await docker("inspect", "-f", "{{json .State.Health}}", containers[role].Id);
    const { Status, Log }: Health = JSON.parse(health);
    const ms = Date.now() - begun;
    if (Status === status || ms > maxMs) {
      checks.equal(`${role} after ${ms} ms`, Status, status);
      const boundMs = idleMs + delayMs(Log, begun);
      checks.equal(`${role} ${status} within ${boundMs} ms: ${ms}`, ms <= boundMs, true);
      return Math.round(ms / 100) / 10;
    }
    await sleep(POLL_MS);
  }
}

/** How much longer the checks took than on an idle machine. */
function delayMs(log: Health["Log"], begun: number): number {
  return log.filter(({ End }) => Date.parse(End) > begun)
    .map(({ Start, End }) => Math.max(0, Date.parse(End) - Date.parse(Start) - CHECK_MS))
    .reduce((sum, ms) => sum + ms, 0);
}

// Seen to fail: with `--retries=3`.
checks.test("a role that stands still is soon unhealthy, and healthy again after it continues", async () => {
  await Promise.all(ROLES.map(async (role) => {
    await signal(role, "STOP");
    const unhealthy = await waitForStatus(role, "unhealthy", UNHEALTHY)
      .finally(() => signal(role, "CONT"));
    seconds[role] = [unhealthy, await waitForStatus(role, "healthy", HEALTHY)];
  }));
});
