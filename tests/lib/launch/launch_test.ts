import { assertEquals, assertRejects } from "@std/assert";
import { ExitError } from "../../../lib/exit.ts";
import type { JsonObject } from "../../../lib/json.ts";
import { sendSignal, type Site, stopRole, waitUntilHealthy } from "../../../lib/launch/launch.ts";
import { PORTS, type Role } from "../../../lib/roles.ts";
import { serve } from "../../harness/test_server.ts";

// Seen to fail: with a role that is taken for healthy once it answers, and an orchestrator once it is.

/** A role that answers questions about its health with these, and then always with the last. */
async function roleWith(role: Role, ...answers: JsonObject[]) {
  let asked = 0;
  const health = (): JsonObject => answers[Math.min(asked++, answers.length - 1)];
  const server = await serve({ role, health });
  const ports = { ...PORTS, [role]: server.address.port };
  const site: Site = { folder: ".", inbox: "inbox", ports };
  return {
    site,
    asked: () => asked,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

Deno.test("waitUntilHealthy() resolves when a role is healthy or its disk is full", async () => {
  for (const status of ["ok", "full"]) {
    await using role = await roleWith("reporter", { status: "starting" }, { status });
    await waitUntilHealthy("reporter", role.site, 60_000);
    assertEquals(role.asked(), 2);
  }
});

Deno.test("waitUntilHealthy() waits until the orchestrator's agents are up", async () => {
  const answers = ["down", "up"].map((agents) => ({ status: "ok", agents }));
  await using role = await roleWith("orchestrator", ...answers);
  await waitUntilHealthy("orchestrator", role.site, 60_000);
  assertEquals(role.asked(), 2);
});

Deno.test("waitUntilHealthy() throws the last answer when its time is over", async () => {
  await using role = await roleWith("analyzer", { status: "damaged" });
  const wait = () => waitUntilHealthy("analyzer", role.site, 500);
  const { reason } = await assertRejects(wait, ExitError, 'analyzer: {"status":"damaged"}');
  assertEquals(reason, "timed_out");
});

Deno.test("stopRole() returns the exit code of a process, also if it has ended before", async () => {
  const program = `Deno.addSignalListener("SIGTERM", () => Deno.exit(7));
    setInterval(() => {}, 1_000); // a listener alone does not keep it alive
    console.log();`;
  const command = new Deno.Command(Deno.execPath(), { args: ["eval", program], stdout: "piped" });
  const child = command.spawn();
  const output = child.stdout.getReader();
  await output.read(); // it listens
  assertEquals(await stopRole(child), 7);
  sendSignal(child, "SIGTERM");
  assertEquals(await stopRole(child), 7);
  await output.cancel();
});
