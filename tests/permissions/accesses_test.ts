/**
 * The list of each role against what its processes ask Deno for. Seen to fail with a variable, a
 * folder, a port or a host added to the list or taken out of it, and with a role that asks for its
 * `hostname`.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { copy } from "@std/fs/copy";
import { EXIT } from "../../lib/exit.ts";
import { AGENT_ROLES, end, permissionsFromSources } from "../../lib/launch/launch.ts";
import { sleep } from "../../lib/retry.ts";
import { memoryFolder, ROLES } from "../../lib/roles.ts";
import { figures } from "../harness/test_output.ts";
import { type PrivateCa, tlsTest } from "../lib/tls/private_ca.ts";
import { compare, readAccesses } from "./accesses.ts";
import { type Output, Recorded } from "./recorded.ts";

const PATIENCE_MS = 30_000;

tlsTest(
  "permissionsOf() lists what each role asks for in all that it does, and nothing else",
  async (ca) => {
    await using roles = await Recorded.open();
    await withoutSecret(roles);
    await asProcesses(roles);
    await asContainers(roles);
    await overTls(roles, ca);
    await damaged(roles);
    const told: string[] = [];
    for (const role of ROLES) {
      const { processes, accesses } = await roles.accesses(role);
      const permissions = permissionsFromSources(role, roles.site);
      const { missing, unused, grants } = compare(accesses, permissions, roles.site.folder);
      assertEquals({ role, missing, unused }, { role, missing: [], unused: [] });
      told.push(`${role} ${grants} by ${accesses.length} accesses of ${processes} processes`);
    }
    figures(`entries of the list that are used: ${told.join(", ")}`);
  },
);

async function withoutSecret(roles: Recorded): Promise<void> {
  const elsewhere = { AUTH_TOKEN_FILE: "/run/secrets/none" };
  for (const role of ROLES) {
    assertStringIncludes(well(await roles.run(role, ["--help"])), "Exit codes");
    assertEquals((await roles.run(role, ["serve"])).code, EXIT.no_secret);
    const { code, stderr } = await roles.run(role, ["serve"], elsewhere);
    assertEquals(code, EXIT.no_secret);
    assertStringIncludes(stderr, "No such file");
  }
  for (const said of ["Made a new secret", "There is a secret"]) {
    assertStringIncludes(well(await roles.run("orchestrator", ["secret"])), said);
  }
}

async function asProcesses(roles: Recorded): Promise<void> {
  const run = async (...args: string[]) => well(await roles.run("orchestrator", args));
  const submit = async (...args: string[]) => (await run("submit", ...args)).trim();
  await roles.serve();
  assertStringIncludes(await run("submit", "shop-2026-11-01.log", "--wait"), "Report on");
  const task = await submit("--text", "ERROR disk 7 is full");
  assertStringIncludes(await run("result", task, "--wait", "60"), "disk <*> is full");
  for (const command of ["get", "why", "watch"]) await run(command, task);
  for (const command of ["list", "agents"]) await run(command);
  await run("call", "health");

  await run("pause", "--agent", "analyzer");
  const held = await submit("orders.csv");
  await run("cancel", held);
  await run("resume", "--agent", "analyzer");
  await run("retry", held);
  await run("result", held, "--wait", "60");

  const { child, output, record } = roles.begin("orchestrator", ["dashboard"]);
  while (!(await readAccesses(record)).some(({ permission }) => permission === "net")) {
    await sleep(50);
  }
  await end(child);
  well(await output);
  for (const role of ROLES) well(await roles.run(role, ["health"]));

  for (const role of ["analyzer", "orchestrator"] as const) {
    await roles.kill(role);
    roles.start(role);
  }
  await roles.healthy();
  for (const output of await roles.drain()) well(output);
}

/** On all addresses, and with the names that the agents have in their network. */
async function asContainers(roles: Recorded): Promise<void> {
  const { ports } = roles.site;
  const addresses = AGENT_ROLES.map((role) => {
    // The second one answers here.
    return [`BATON_${role.toUpperCase()}`, `${role}:${ports[role]},127.0.0.1:${ports[role]}`];
  });
  await roles.serve({ BATON_HOST: "0.0.0.0", ...Object.fromEntries(addresses) });
  well(await roles.run("orchestrator", ["submit", "events.jsonl", "--wait"]));
  for (const role of ROLES) well(await roles.run(role, ["health"]));
  for (const output of await roles.drain()) well(output);
}

async function overTls(roles: Recorded, ca: PrivateCa): Promise<void> {
  await copy(`${ca.folder}/secret`, `${roles.site.folder}/secret`, { overwrite: true });
  const trust = { BATON_TLS_CA: "secret/ca.pem" };
  for (const role of ROLES) {
    const identity = { BATON_TLS_CERT: `secret/${role}.pem`, BATON_TLS_KEY: `secret/${role}.key` };
    roles.start(role, { ...identity, ...trust });
  }
  for (const role of ROLES) {
    const begun = performance.now();
    while ((await roles.run(role, ["health"], trust)).code !== EXIT.done) {
      assert(performance.now() - begun < PATIENCE_MS, `${role} does not answer over TLS`);
    }
  }
  for (const output of await roles.drain()) well(output);
}

async function damaged(roles: Recorded): Promise<void> {
  for (const role of ROLES) {
    well(await roles.run(role, ["repair"]));
    const path = `${roles.site.folder}/${memoryFolder(role)}/memory.json`;
    await Deno.writeTextFile(path, (await Deno.readTextFile(path)).replace('":', '";'));
    for (const args of [["serve"], ["repair"]]) {
      assertEquals((await roles.run(role, args)).code, EXIT.damaged);
    }
    well(await roles.run(role, ["repair", "--accept-loss"]));
  }
  await roles.serve();
  for (const output of await roles.drain()) well(output);
}

/** What a program has said that has ended well. */
function well({ code, stdout, stderr }: Output): string {
  assertEquals(code, EXIT.done, stderr);
  return stdout;
}
