import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { CodedError } from "../../lib/errors.ts";
import { AgentProcess, connect, type Ended, HOST } from "../harness/agent_process.ts";
import { SECRET } from "../harness/secrets.ts";
import { TempFolder } from "../harness/temp_folder.ts";
import { within } from "../harness/waiting.ts";

/** Returns the one line that the greeter prints when it can't start. */
function errorLine({ stderr }: Ended): string {
  const lines = stderr.trimEnd().split("\n").filter((line) => !line.startsWith("{"));
  assertEquals(lines.length, 1, stderr);
  assertMatch(lines[0], /^greeter: Cannot /);
  return lines[0];
}

Deno.test("run() serves, answers health, logs no secret, and keeps its memory over SIGTERM and SIGINT", async () => {
  await using folder = await TempFolder.make();
  await Deno.writeTextFile(`${folder.path}/token`, SECRET + "\n");
  for (let time = 1; time <= 2; time++) {
    const env = time === 1 ? undefined : { AUTH_TOKEN_FILE: "token" };
    await using greeter = new AgentProcess(folder.path, ["--port", "0"], env);
    const port = await greeter.serving();
    {
      using client = await connect(port);
      assertEquals(
        await client.call("greet", { name: "Ada" }, { timeoutMs: 60_000 }),
        { text: `Hello Ada, for the ${time}. time` },
      );
    }
    if (time === 1) {
      await using asking = new AgentProcess(
        folder.path,
        ["health", "--json", "--port", `${port}`],
        {},
      );
      const { code, stdout, stderr } = await asking.ended();
      assertEquals([code, stderr], [0, ""]);
      const health = JSON.parse(stdout);
      assertEquals([health.status, health.role, health.name], ["ok", "greeter", "greeter-1"]);
      const keys = ["status", "role", "name", "version", "uptime_ms", "storage", "in_flight"];
      assertEquals(Object.keys(health), keys, "and nothing else");
    }
    greeter.kill(time === 1 ? "SIGTERM" : "SIGINT");
    const { code, stderr } = await greeter.ended();
    assertEquals([code, stderr.includes(SECRET)], [0, false], stderr);
    for (const line of stderr.trimEnd().split("\n")) JSON.parse(line);
  }
  const memory = JSON.parse(await Deno.readTextFile(`${folder.path}/memory/greeter/memory.json`));
  assertEquals(memory.entries["state/Ada"], 2);
});

Deno.test("run() has all its answers after it was killed", async () => {
  await using folder = await TempFolder.make();
  for (let time = 1; time <= 2; time++) {
    await using greeter = new AgentProcess(folder.path, ["--port", "0"]);
    using client = await connect(await greeter.serving());
    const reply = await client.call("greet", { name: "Ada" }, {
      id: `t${time}`,
      timeoutMs: 60_000,
    });
    assertEquals(reply, { text: `Hello Ada, for the ${time}. time` });
    const again = await client.call("greet", { name: "Ada" }, { id: "t1", timeoutMs: 60_000 });
    assertEquals(again, { text: "Hello Ada, for the 1. time" });
    greeter.kill("SIGKILL");
    await greeter.ended();
  }
});

Deno.test("run() drains at a signal, and ends at once at the same signal again", async () => {
  await using folder = await TempFolder.make();
  await using sleeper = new AgentProcess(folder.path, ["--port", "0"], undefined, {
    name: "sleeper",
  });
  using client = await connect(await sleeper.serving(), { role: "sleeper" });
  const sleep = assertRejects(() => client.call("sleep", {}, { timeoutMs: 60_000 }), CodedError);
  while ((await client.call("health", {}, { timeoutMs: 60_000 })).in_flight !== 1);
  sleeper.kill("SIGINT");
  await within(sleeper.logged('"event":"draining"'), "the drain");
  sleeper.kill("SIGTERM");
  assertEquals((await client.call("health", {}, { timeoutMs: 60_000 })).status, "draining");
  sleeper.kill("SIGINT");
  assertEquals((await sleeper.ended()).code, 130);
  assertEquals((await sleep).code, "agent_unreachable");
});

Deno.test("run() ends at the first signal if it does not serve", async () => {
  await using folder = await TempFolder.make();
  using listener = Deno.listen({ hostname: HOST, port: 0 });
  const port = String(listener.addr.port);
  await using asking = new AgentProcess(folder.path, ["health", "--port", port]);
  using _conn = await within(listener.accept(), "a connection");
  asking.kill("SIGTERM");
  assertEquals((await asking.ended()).code, 143);
});

Deno.test("run() reports in one line and by its exit code why it can't start", async () => {
  await using folder = await TempFolder.make();
  await using running = new AgentProcess(folder.path, ["--port", "0"]);
  const port = await running.serving();

  const cases: [number, string, string[], Record<string, string>?, string?][] = [
    [2, 'Cannot take "--nonsense"', ["--nonsense"]],
    [2, 'Cannot do "dance"', ["dance"]],
    [2, 'Cannot do "serve twice"', ["serve", "twice"]],
    [4, `Cannot ask ${HOST}:1`, ["health", "--port", "1"]],
    [69, `Cannot listen on ${HOST}:${port}`, ["--port", `${port}`], undefined, "other"],
    [75, "another process holds its lock", ["--port", "0"]],
    [77, 'Cannot open memory "memory/greeter"', ["--port", "0"], undefined, "blocked"],
    [65, 'Cannot read memory "memory/greeter/memory.json"', [], undefined, "damaged"],
    [78, "there is no", ["--port", "0"], {}, "other"],
  ];
  await Deno.mkdir(`${folder.path}/other`);
  await Deno.mkdir(`${folder.path}/blocked`);
  await Deno.writeTextFile(`${folder.path}/blocked/memory`, "a file in its place");
  await Deno.mkdir(`${folder.path}/damaged/memory/greeter`, { recursive: true });
  await Deno.writeTextFile(`${folder.path}/damaged/memory/greeter/memory.json`, "{");

  for (const [code, text, args, env, below = ""] of cases) {
    await using failing = new AgentProcess(`${folder.path}/${below}`, args, env);
    const ended = await failing.ended();
    assertStringIncludes(errorLine(ended), text);
    assertEquals(ended.code, code, ended.stderr);
  }
  using client = await connect(port);
  assertEquals(
    await client.call("ping", {}, { timeoutMs: 60_000 }),
    {},
    "the running greeter still answers",
  );
});

Deno.test("run() shows its help and the exit codes", async () => {
  await using folder = await TempFolder.make();
  await using greeter = new AgentProcess(folder.path, ["--help"], {});
  const { code, stdout, stderr } = await greeter.ended();
  assertEquals([code, stderr], [0, ""]);
  for (const text of ["--port N", "health", "75 locked"]) assertStringIncludes(stdout, text);
  assertEquals(await folder.names(), []);
});
