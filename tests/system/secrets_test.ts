/**
 * Which role a secret proves, with real processes: each agent has a secret of its own.
 *
 * @module
 */
import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { importSecret, type Secret } from "../../lib/wire/auth.ts";
import { Client } from "../../lib/client/client.ts";
import { CodedError } from "../../lib/errors.ts";
import { EXIT } from "../../lib/exit.ts";
import { AGENT_ROLES, type Role, ROLES } from "../../lib/roles.ts";
import { Server } from "../../lib/server/server.ts";
import { RawPeer } from "../harness/raw_peer.ts";
import { TempFolder } from "../harness/temp_folder.ts";
import { RoleProcesses } from "../harness/role_processes.ts";

// Seen to fail: with an orchestrator that uses the common secret for every agent, and with one that
// accepts the secret of any agent.

/** Returns the variables of a role: the orchestrator has all secrets, an agent only its own. */
function secretFiles(role: Role): Record<string, string> {
  if (role !== "orchestrator") return { AUTH_TOKEN_FILE: `secret/${role}` };
  const agents = AGENT_ROLES.map((agent) => [
    `AUTH_TOKEN_FILE_${agent.toUpperCase()}`,
    `secret/${agent}`,
  ]);
  return { AUTH_TOKEN_FILE: "secret/orchestrator", ...Object.fromEntries(agents) };
}

async function makeSecrets(folder: string): Promise<Record<Role, Secret>> {
  await Deno.mkdir(`${folder}/secret`);
  const made = ROLES.map(async (role) => {
    const text = crypto.getRandomValues(new Uint8Array(32)).toHex();
    await Deno.writeTextFile(`${folder}/secret/${role}`, text);
    return [role, importSecret(text)];
  });
  return Object.fromEntries(await Promise.all(made));
}

Deno.test("an agent's own secret proves that agent and no other role", async () => {
  await using temp = await TempFolder.make();
  const secrets = await makeSecrets(temp.path);
  await using roles = await RoleProcesses.in(temp.path, { env: secretFiles });
  await roles.startAll();
  const done = await roles.ask("submit", "--text", "ERROR disk 7", "--wait");
  assertEquals(done.code, EXIT.done, done.stderr);

  const { ports } = roles.site;
  for (const holder of AGENT_ROLES) {
    for (const role of ROLES) {
      const address = { hostname: "127.0.0.1", port: ports[role] };
      const connecting = () => Client.connect({ address, secret: secrets[holder], role });
      if (holder === role) (await connecting()).close();
      else {
        const { code } = await assertRejects(connecting, CodedError, "Cannot trust");
        assertEquals(code, "auth_failed", `${holder} as a client of ${role}`);
        // Nor is it let in where it does not care who answers.
        using careless = await RawPeer.connect(address);
        const text = await Deno.readTextFile(`${temp.path}/secret/${holder}`);
        const { error } = await careless.logIn(text);
        assertEquals(error?.code, "auth_failed", `${holder} with its proof for ${role}`);
      }
    }
  }
  const asked = await roles.run("orchestrator", ["list"], { AUTH_TOKEN_FILE: "secret/collector" });
  assertEquals([asked.code, asked.stdout], [EXIT.refused, ""]);
  assertMatch(asked.stderr, /auth_failed: .*does not hold the same secret/);

  await roles.stop("analyzer");
  await using _impostor = new Server({
    hostname: "127.0.0.1",
    port: ports.analyzer,
    log: () => {},
    service: {
      role: "analyzer",
      name: "analyzer-1",
      version: "1.0.0",
      secret: secrets.collector,
      health: () => ({ status: "ok" }),
      answer: () => Promise.reject(new Error("it was asked")),
      onInternal: () => {},
    },
  });
  const down = await roles.until(
    ["agents"],
    ({ stdout }) => stdout.includes("does not hold the same secret"),
  );
  assertEquals(down.code, EXIT.failed);
  await _impostor[Symbol.asyncDispose]();
  roles.start("analyzer");
  await roles.up();
});

Deno.test("the orchestrator does not start if the secret of one agent is unusable", async () => {
  await using temp = await TempFolder.make();
  await makeSecrets(temp.path);
  await Deno.writeTextFile(`${temp.path}/secret/reporter`, "short\n");
  await using roles = await RoleProcesses.in(temp.path, { env: secretFiles });
  const { code, stderr } = await roles.run("orchestrator", ["serve", "--watch", "0"]);
  assertEquals(code, EXIT.no_secret);
  assertStringIncludes(stderr, 'the secret in file "secret/reporter" has 5 bytes');
});

Deno.test("serve warns once of a secret that other users can read, other commands never", async () => {
  await using temp = await TempFolder.make();
  await makeSecrets(temp.path);
  for (const role of ROLES) {
    const isOpen = role === "orchestrator" || role === "collector";
    await Deno.chmod(`${temp.path}/secret/${role}`, isOpen ? 0o640 : 0o600);
  }
  await using roles = await RoleProcesses.in(temp.path, { env: secretFiles });
  await roles.startAll();
  for (const role of ROLES) assertEquals(await roles.stop(role), EXIT.done);
  const warnings = roles.output.split("\n").filter((line) => line.includes("secret_readable"))
    .map((line) => JSON.parse(line)).map(({ role, path, remedy }) => [role, path, remedy]);
  assertEquals(warnings.sort(), [
    ["collector", "secret/collector", "chmod 600 secret/collector"],
    ["orchestrator", "secret/collector", "chmod 600 secret/collector"],
    ["orchestrator", "secret/orchestrator", "chmod 600 secret/orchestrator"],
  ]);
});
