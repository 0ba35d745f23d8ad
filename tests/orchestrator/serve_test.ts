import { assert, assertEquals } from "@std/assert";
import { EXIT } from "../../lib/exit.ts";
import { LIMITS } from "../../lib/wire/limits.ts";
import { TempFolder } from "../harness/temp_folder.ts";
import { until, within } from "../harness/waiting.ts";
import { assertRefused } from "./assert_refused.ts";
import { ask, FakeAgents, Site } from "./site.ts";

Deno.test("serve and list end with no_secret if there is no secret or it is too short", async () => {
  await using site = await Site.make();
  await Deno.writeTextFile(`${site.folder}/secret/token`, "short\n");
  assertRefused(await site.run(["serve"]), EXIT.no_secret, /5 bytes.*openssl rand/);
  await Deno.remove(`${site.folder}/secret/token`);
  assertRefused(await site.run(["list"]), EXIT.no_secret, /openssl rand/);
  const short = await site.run(["serve"], { env: { AUTH_TOKEN: "short" } });
  assertRefused(short, EXIT.no_secret, /AUTH_TOKEN/);
  const missing = await site.run(["serve"], { env: { AUTH_TOKEN_FILE: "secret/none" } });
  assertRefused(missing, EXIT.no_secret, /secret\/none/);
});

Deno.test("serve applies the limits of --limits", async () => {
  await using site = await Site.make();
  await using _ = await site.serve(["--limits", "in_flight=3,auth_ms=5000"]);
  using client = await site.connect();
  assertEquals(client.welcome!.limits, { ...LIMITS, in_flight: 3, auth_ms: 5_000 });
});

Deno.test("serve reports a port that is taken and a memory that is locked", async () => {
  await using site = await Site.make();
  {
    using _ = Deno.listen({ hostname: "127.0.0.1", port: site.ports.orchestrator });
    assertRefused(await site.run(site.serveArgs()), EXIT.port_busy, /another process/);
  }
  await using first = await site.serve();
  await using other = await Site.make();
  site.ports.orchestrator = other.ports.orchestrator;
  assertRefused(await site.run(site.serveArgs()), EXIT.locked, /holds its lock/);
  assertEquals(await first.stop(), 0, "the first orchestrator is undisturbed");
});

Deno.test("serve reports the byte at which its journal is damaged, and changes nothing", async () => {
  await using site = await Site.make();
  {
    await using running = await site.serve();
    using client = await site.connect();
    for (let n = 0; n < 5; n++) await ask(client, "submit", { input: { n } });
    await running.stop("SIGKILL");
  }
  const memory = `${site.folder}/memory/orchestrator`;
  const names = await Array.fromAsync(Deno.readDir(memory), ({ name }) => name);
  const journal = `${memory}/${names.find((name) => name.endsWith(".ndjson"))}`;
  const bytes = await Deno.readFile(journal);
  const at = bytes.indexOf(10) + 60; // in the second record
  bytes[at] ^= 1;
  await Deno.writeFile(journal, bytes);
  const where = bytes.indexOf(10) + 1;
  assertRefused(await site.run(site.serveArgs()), EXIT.damaged, RegExp(`at byte ${where}`));
  assertEquals(await Deno.readFile(journal), bytes, "nothing is changed");
});

Deno.test("serve ends with exit code 0 at SIGTERM and SIGINT, also while it starts", async () => {
  await using site = await Site.make();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    await using running = await site.serve();
    const begun = performance.now();
    assertEquals(await running.stop(signal), 0);
    assert(performance.now() - begun < 8_000);
  }
  for (const ms of [0, 60, 120, 180, 240, 300]) {
    await using running = site.spawnServe();
    await new Promise((resolve) => setTimeout(resolve, ms));
    const code = await running.stop();
    assert([0, 143].includes(code), `${code} at a signal after ${ms} ms: ${running.err}`);
  }
  await using running = await site.serve();
  assertEquals(await running.stop(), 0, "a later start is undisturbed");
});

Deno.test("serve does not wait for watchers at SIGTERM, and they continue after the next start", async () => {
  await using folder = await TempFolder.make();
  await using agents = await FakeAgents.start(folder.path);
  await using site = await Site.make(agents);
  let watch;
  {
    await using running = await site.serve();
    const { out } = await site.ask(["submit", "--text", "hang"]);
    await until(() => agents.count === 3, "the task reaches merge");
    watch = site.spawn(["watch", out.trim(), "--json", "--port", `${site.ports.orchestrator}`]);
    await watch.said('"merge"');
    const begun = performance.now();
    assertEquals(await running.stop(), 0);
    assert(performance.now() - begun < 8_000);
  }
  await using _ = await site.serve();
  agents.release();
  assertEquals(await watch.end(), 0, watch.err);
  const events = watch.out.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(events.map(({ seq }) => seq), events.map((_, at) => at + 1));
  assertEquals(events.at(-1).kind, "done");
});

Deno.test("serve reports overloaded while a runnable task waits longer than --max-wait", async () => {
  await using folder = await TempFolder.make();
  await using agents = await FakeAgents.start(folder.path);
  await using site = await Site.make(agents);
  await using _ = await site.serve(["--concurrency", "1", "--max-wait", "1"]);
  const health = async (): Promise<{ code: number; status: string; oldest_ms: number }> => {
    const { code, out } = await site.ask(["health", "--json"]);
    return { code, ...JSON.parse(out) };
  };
  /** Asks for the health until it has this status. */
  const healthOnce = async (status: string): ReturnType<typeof health> => {
    const is = await health();
    return is.status === status ? is : await healthOnce(status);
  };
  assertEquals([(await health()).code, (await health()).status], [EXIT.done, "ok"]);
  assertEquals((await site.ask(["submit", "--text", "hang"])).code, EXIT.done);
  assertEquals((await site.ask(["submit", "--text", "next"])).code, EXIT.done);
  const red = await within(healthOnce("overloaded"), "an overloaded orchestrator");
  assertEquals([red.code, red.status], [EXIT.failed, "overloaded"]);
  assert(red.oldest_ms > 1_000, `${red.oldest_ms}`);
  agents.release();
  const green = await within(healthOnce("ok"), "an orchestrator that has caught up");
  assertEquals([green.code, green.status, green.oldest_ms], [EXIT.done, "ok", 0]);
});

Deno.test("serve finishes 30 tasks and makes each call once, though it is killed three times meanwhile", async () => {
  await using folder = await TempFolder.make();
  await using agents = await FakeAgents.start(folder.path);
  await using site = await Site.make(agents);
  const keys = Array.from({ length: 30 }, (_, n) => `k${n}`);
  const submit = (key: string, wait_ms = 0) => ({
    input: { sources: [{ text: key }] },
    key,
    wait_ms,
  });
  const acknowledged = new Map<string, unknown>();
  for (const kills of [20, 60, 100]) {
    await using running = await site.serve();
    using client = await site.connect();
    const killed = until(() => agents.count >= kills, `${kills} calls were made`)
      .then(() => running.stop("SIGKILL"));
    for (const key of keys) {
      if (acknowledged.has(key)) continue;
      const reply = await ask(client, "submit", submit(key)).catch(() => undefined);
      if (reply === undefined) break; // killed before its reply: the task may exist or not
      acknowledged.set(key, reply.task);
    }
    await killed;
  }
  await using _ = await site.serve();
  using client = await site.connect();
  const ended = await Promise.all(keys.map((key) => ask(client, "submit", submit(key, 50_000))));
  for (const [at, { task, state, headline }] of ended.entries()) {
    assertEquals([state, headline], ["done", `About ${keys[at]}`]);
    assertEquals(task, acknowledged.get(keys[at]) ?? task);
    for (const op of ["collect", "analyze", "merge", "report"]) {
      assertEquals(agents.ran.get(`${op} ${task}`), 1, `${op} of ${task}`);
    }
  }
  assertEquals(agents.count, 4 * keys.length);
});
