/**
 * Compares the permissions of each role with the accesses of its processes. The test was seen to
 * fail with a variable, folder, port or host added to the permissions or removed from them. It also
 * failed with a role that reads its `hostname`.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { copy } from "@std/fs/copy";
import { EXIT } from "../../lib/exit.ts";
import { permissionsFromSources, stopRole } from "../../lib/launch/launch.ts";
import { sleep } from "../../lib/retry.ts";
import { AGENT_ROLES, memoryFolder, type Role, ROLES } from "../../lib/roles.ts";
import type { Ran } from "../harness/commands.ts";
import { TempFolder } from "../harness/temp_folder.ts";
import { figures } from "../harness/test_output.ts";
import { type PrivateCa, tlsTest } from "../lib/tls/private_ca.ts";
import { compare, readAccesses } from "./accesses.ts";
import { Recorded } from "./recorded.ts";

tlsTest(
  "permissionsOf() lists exactly the accesses that each role makes",
  async (ca) => {
    await using temp = await TempFolder.make();
    await using recorded = await Recorded.in(temp.path);
    await runWithoutSecret(recorded);
    await runAsProcesses(recorded);
    await repairDamage(recorded);
    await runOverTlsAsContainers(recorded, ca);
    const used: string[] = [];
    for (const role of ROLES) {
      const { processes, accesses } = await recorded.accesses(role);
      const permissions = permissionsFromSources(role, recorded.roles.site);
      const { missing, unused, grants } = compare(accesses, permissions, temp.path);
      assertEquals({ role, missing, unused }, { role, missing: [], unused: [] });
      used.push(`${role} ${grants} by ${accesses.length} accesses of ${processes} processes`);
    }
    figures(`permissions that are used: ${used.join(", ")}`);
  },
);

async function runWithoutSecret({ roles }: Recorded): Promise<void> {
  const elsewhere = { AUTH_TOKEN_FILE: "/run/secrets/none" };
  await forEachRole(async (role) => {
    assertStringIncludes(stdoutOf(await roles.run(role, ["--help"])), "Exit codes");
    assertEquals((await roles.run(role, ["serve"])).code, EXIT.no_secret);
    const { code, stderr } = await roles.run(role, ["serve"], elsewhere);
    assertEquals(code, EXIT.no_secret);
    assertStringIncludes(stderr, "No such file");
  });
  for (const word of ["Made a new secret", "There is a secret"]) {
    assertStringIncludes(stdoutOf(await roles.run("orchestrator", ["secret"])), word);
  }
}

async function runAsProcesses(recorded: Recorded): Promise<void> {
  const { roles } = recorded;
  const run = async (...args: string[]) => stdoutOf(await roles.ask(...args));
  const submit = async (...args: string[]) => (await run("submit", ...args)).trim();
  await roles.startAll({ BATON_WATCH: "1" });
  assertStringIncludes(await run("submit", "shop-2026-11-01.log", "--wait"), "Report on");
  const task = await submit("--text", "ERROR disk 7 is full");
  assertStringIncludes(await run("result", task, "--wait", "60"), "disk <*> is full");
  for (const command of ["get", "why", "watch"]) await run(command, task);
  for (const command of ["list", "agents"]) await run(command);
  await run("call", "health");

  await run("pause", "--agent", "analyzer");
  const paused = await submit("orders.csv");
  await run("cancel", paused);
  await run("resume", "--agent", "analyzer");
  await run("retry", paused);
  await run("result", paused, "--wait", "60");

  const { child, ended, record } = recorded.spawn("orchestrator", ["dashboard"]);
  while (!(await readAccesses(record)).some(({ permission }) => permission === "net")) {
    await sleep(50);
  }
  await stopRole(child);
  stdoutOf(await ended);
  await forEachRole(async (role) => stdoutOf(await roles.run(role, ["health"])));

  for (const role of ["analyzer", "orchestrator"] as const) {
    await roles.stop(role, "SIGKILL");
    roles.start(role, { BATON_WATCH: "1" });
  }
  await roles.up();
  for (const ran of await roles.stopAll()) stdoutOf(ran);
}

async function repairDamage({ roles }: Recorded): Promise<void> {
  await forEachRole(async (role) => {
    stdoutOf(await roles.run(role, ["repair"]));
    const path = `${roles.site.folder}/${memoryFolder(role)}/memory.json`;
    await Deno.writeTextFile(path, (await Deno.readTextFile(path)).replace('":', '";'));
    for (const args of [["serve"], ["repair"]]) {
      assertEquals((await roles.run(role, args)).code, EXIT.damaged);
    }
    stdoutOf(await roles.run(role, ["repair", "--accept-loss"]));
  });
}

/** Runs as in containers: listens on all addresses and reaches agents by hostname, over TLS. */
async function runOverTlsAsContainers({ roles }: Recorded, ca: PrivateCa): Promise<void> {
  const { ports, folder } = roles.site;
  await copy(`${ca.folder}/secret`, `${folder}/secret`, { overwrite: true });
  const trust = { BATON_TLS_CA: "secret/ca.pem" };
  const addresses = AGENT_ROLES.map((role) => {
    // These hostnames do not resolve here, so the orchestrator tries the second address.
    return [`BATON_${role.toUpperCase()}`, `${role}:${ports[role]},127.0.0.1:${ports[role]}`];
  });
  const env = { BATON_HOST: "0.0.0.0", ...trust, ...Object.fromEntries(addresses) };
  const identityOf = (role: Role) => ({
    BATON_TLS_CERT: `secret/${role}.pem`,
    BATON_TLS_KEY: `secret/${role}.key`,
  });
  for (const role of ROLES) roles.start(role, { ...env, ...identityOf(role) });
  const trusting = ["--tls-ca", trust.BATON_TLS_CA];
  await roles.until(["agents", ...trusting], ({ code }) => code === EXIT.done);
  stdoutOf(await roles.ask("submit", "events.jsonl", "--wait", ...trusting));
  await forEachRole(async (role) => stdoutOf(await roles.run(role, ["health"], trust)));
  for (const ran of await roles.stopAll()) stdoutOf(ran);
}

async function forEachRole(work: (role: Role) => Promise<unknown>): Promise<void> {
  await Promise.all(ROLES.map(work));
}

/** Returns the output of a program. Fails if its exit code is not 0. */
function stdoutOf({ code, stdout, stderr }: Ran): string {
  assertEquals(code, EXIT.done, stderr);
  return stdout;
}
