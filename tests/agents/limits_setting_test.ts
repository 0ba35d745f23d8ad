import { assertEquals, assertStringIncludes } from "@std/assert";
import { LIMITS } from "../../lib/wire/limits.ts";
import { AgentProcess, connect, HOST } from "../harness/agent_process.ts";
import { SECRET } from "../harness/secrets.ts";
import { TempFolder } from "../harness/temp_folder.ts";

Deno.test("--limits and BATON_LIMITS set the limits of a process", async () => {
  await using folder = await TempFolder.make();
  for (
    const [args, variable, set] of [
      [[], "in_flight=7,auth_ms=5000", { in_flight: 7, auth_ms: 5_000 }],
      [["--limits", "in_flight=8"], "in_flight=7", { in_flight: 8 }],
      [[], "", {}],
    ] as const
  ) {
    const env = { AUTH_TOKEN: SECRET, BATON_LIMITS: variable };
    await using program = new AgentProcess(
      folder.path,
      ["--port", "0", "--host", HOST, ...args],
      env,
    );
    using client = await connect(await program.serving());
    assertEquals(client.welcome?.limits, { ...LIMITS, ...set });
    const { limits, auth_failures, connections } = await client.call("stats", {}, {
      timeoutMs: 10_000,
    });
    assertEquals([Object.keys(limits as typeof LIMITS), auth_failures], [Object.keys(LIMITS), 0]);
    assertEquals(connections, { open: 1, authenticated: 1, rejected: 0 });
  }
});

Deno.test("an impossible limit ends the process with what is possible, and exit code 2", async () => {
  await using folder = await TempFolder.make();
  const env = { AUTH_TOKEN: SECRET, BATON_LIMITS: "depth=65" };
  await using program = new AgentProcess(folder.path, ["--port", "0"], env);
  const { code, stderr } = await program.ended();
  assertEquals(code, 2);
  assertStringIncludes(
    stderr,
    '"depth=65" for BATON_LIMITS: depth must be a whole number from 16 to 64',
  );
});
