import { assert, assertEquals, assertMatch } from "@std/assert";
import { EXIT } from "../../../lib/exit.ts";
import { LIMITS } from "../../../lib/wire/limits.ts";
import { SECRET } from "../../harness/secrets.ts";
import { TempFolder } from "../../harness/temp_folder.ts";
import { until, within } from "../../harness/waiting.ts";
import { ask, FakeAgents, type Ran, Site } from "../site.ts";

/** One line on stderr that says why, and nothing on stdout. */
function assertRefused({ code, out, err }: Ran, expected: number, why: RegExp): void {
  assertEquals([code, out], [expected, ""], err);
  assertEquals(err.split("\n").length, 2, err);
  assertMatch(err, /^orchestrator: /);
  assertMatch(err, why);
}

Deno.test("every subcommand has a --help, with its flags and the way to call it", async () => {
  await using site = await Site.make();
  const { code, out } = await site.run(["--help"]);
  assertEquals(code, 0);
  for (const [word, exit] of Object.entries(EXIT)) assert(out.includes(`${exit} ${word}`));
  const names = [...out.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name);
  assert(names.length >= 12, names.join(" "));
  const helps = await Promise.all(names.map((name) => site.run([name, "--help"])));
  for (const [at, { code, out, err }] of helps.entries()) {
    assertEquals([code, err], [0, ""], names[at]);
    assert(out.startsWith(`orchestrator ${names[at]} `), out);
  }
  assertEquals((await site.run([])).out, out, "no word is a question for help");
});

Deno.test("what can't be understood is refused with exit code 2 and one line", async () => {
  await using site = await Site.make();
  const wrong: [args: string[], why: RegExp][] = [
    [["fly"], /"fly"/],
    [["__proto__"], /"__proto__"/],
    [["get"], /orchestrator get TASK/],
    [["get", "t1", "t2"], /orchestrator get TASK/],
    [["list", "all"], /orchestrator list/],
    [["get", "t1", "--fast"], /"--fast"/],
    [["get", "t1", "--port", "x"], /"x" for --port/],
    [["list", "--limit", "0"], /"0" for --limit/],
    [["submit"], /nothing/],
    [["submit", "--input", "[1]"], /"\[1\]" for --input/],
    [["serve", "--collector", "nowhere"], /"nowhere" for --collector/],
    [["serve", "--limits", "depth=65"], /--limits: depth must be a whole number from 16 to 64/],
    [["call", "stats", "{x"], /"\{x".*must be a JSON object/],
    [["call", "stats", "[]"], /"\[\]".*must be a JSON object/],
  ];
  const ran = await Promise.all(wrong.map(([args]) => site.run(args)));
  for (const [at, [, why]] of wrong.entries()) assertRefused(ran[at], EXIT.usage, why);
});

Deno.test("without a secret, or with a short one, nothing starts", async () => {
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

Deno.test("secret makes a file that only its owner reads, and keeps one that is there", async () => {
  await using site = await Site.make();
  const file = `${site.folder}/secret/token`;
  await Deno.remove(`${site.folder}/secret`, { recursive: true });
  const { code, out } = await site.run(["secret"]);
  assertEquals(code, 0);
  const made = await Deno.readTextFile(file);
  const { mode } = await Deno.stat(file);
  assertEquals(mode! & 0o777, 0o400);
  assert(made.trimEnd().length >= 64 && !out.includes(made.trim()));
  assertEquals((await site.run(["secret"])).code, 0);
  assertEquals(await Deno.readTextFile(file), made);
});

Deno.test("a command says at once that no orchestrator is there", async () => {
  await using site = await Site.make();
  const commands = [["list"], ["watch", "t1"], ["result", "t1"], ["submit", "--text", "x"]];
  const ran = await Promise.all(commands.map((args) => site.ask(args)));
  for (const one of ran) assertRefused(one, EXIT.unreachable, /Cannot connect/);
  assertRefused(await site.ask(["health"]), EXIT.unreachable, /Cannot/);
});

Deno.test("serve holds its peers to the limits that it is given", async () => {
  await using site = await Site.make();
  await using _ = await site.serve(["--limits", "in_flight=3,auth_ms=5000"]);
  using client = await site.connect();
  assertEquals(client.welcome!.limits, { ...LIMITS, in_flight: 3, auth_ms: 5_000 });
});

Deno.test("serve refuses a port that is taken and a folder that is locked", async () => {
  await using site = await Site.make();
  {
    using _ = Deno.listen({ hostname: "127.0.0.1", port: site.ports.orchestrator });
    assertRefused(await site.run(site.serveArgs()), EXIT.port_busy, /another process/);
  }
  await using first = await site.serve();
  await using other = await Site.make();
  site.ports.orchestrator = other.ports.orchestrator;
  assertRefused(await site.run(site.serveArgs()), EXIT.locked, /holds its lock/);
  assertEquals(await first.stop(), 0, "the first one is undisturbed");
});

Deno.test("serve refuses a journal that is damaged, and says where", async () => {
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
  const at = bytes.indexOf(10) + 60; // in the record behind the first one
  bytes[at] ^= 1;
  await Deno.writeFile(journal, bytes);
  const where = bytes.indexOf(10) + 1;
  assertRefused(await site.run(site.serveArgs()), EXIT.damaged, RegExp(`at byte ${where}`));
  assertEquals(await Deno.readFile(journal), bytes, "nothing is changed");
});

Deno.test("serve ends with 0 at SIGTERM and SIGINT, and at any moment of its start", async () => {
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
  assertEquals(await running.stop(), 0, "and the next one starts as ever");
});

Deno.test("SIGTERM does not wait for those who watch, and they go on at the next start", async () => {
  await using folder = await TempFolder.make();
  await using agents = await FakeAgents.start(folder.path);
  await using site = await Site.make(agents);
  let watch;
  {
    await using running = await site.serve();
    const { out } = await site.ask(["submit", "--text", "hang"]);
    await until(() => agents.count === 3, "it is at merge");
    watch = site.spawn(["watch", out.trim(), "--json", "--port", `${site.ports.orchestrator}`]);
    await watch.said('"merge"');
    const begun = performance.now();
    assertEquals(await running.stop(), 0);
    assert(performance.now() - begun < 8_000);
  }
  await using _ = await site.serve();
  agents.letGo();
  assertEquals(await watch.end(), 0, watch.err);
  const events = watch.out.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(events.map(({ seq }) => seq), events.map((_, at) => at + 1));
  assertEquals(events.at(-1).kind, "done");
});

Deno.test("the commands, one after the other", async (t) => {
  await using folder = await TempFolder.make();
  await using agents = await FakeAgents.start(folder.path);
  await using site = await Site.make(agents);
  await using running = await site.serve(["--name", "orchestrator-7"]);
  await until(() => running.err.split('"agent_up"').length === 4, "the agents are up");
  let done = "";

  await t.step("submit --wait prints the report", async () => {
    const { code, out } = await site.ask(["submit", "--text", "rain", "--wait"]);
    assertEquals([code, out.trim()], [0, "# Report\n\nrain"]);
  });
  await t.step("submit --wait --json prints the result as JSON", async () => {
    const { code, out } = await site.ask(["submit", "-", "--wait", "--json"], { stdin: "snow" });
    const { task, state, result, error } = JSON.parse(out);
    assertEquals([code, state, result.headline, error], [0, "done", "About snow", null]);
    done = task;
  });
  await t.step("submit refuses more than 1 MiB from stdin, counted in bytes", async () => {
    const refused = await site.ask(["submit", "-"], { stdin: "é".repeat(512 * 1024) + "!" });
    assertRefused(refused, EXIT.usage, /more than 1 MiB/);
  });
  await t.step(
    "submit prints the task's id, with --json the task, and a key gives it again",
    async () => {
      const args = ["submit", "--text", "sun", "--key", "k", "--label", "weather"];
      const { code, out } = await site.ask(args);
      assertMatch(out, /^t[0-9a-z]{13}\n$/);
      const again = await site.ask([...args, "--json"]);
      const task = JSON.parse(again.out);
      assertEquals([code, again.code, task.task, task.created], [0, 0, out.trim(), false]);
      assertEquals(task.label, "weather");
      const other = await site.ask(["submit", "--text", "ice", "--key", "k"]);
      assertRefused(other, EXIT.refused, /^orchestrator: conflict: /);
    },
  );
  await t.step("get, list and result show them", async () => {
    const [get, list, json, result, raw] = await Promise.all([
      site.ask(["get", done]),
      site.ask(["list", "--state", "done", "--limit", "2"]),
      site.ask(["list", "--json"]),
      site.ask(["result", done]),
      site.ask(["result", done, "--json"]),
    ]);
    assertMatch(get.out, RegExp(`^✓ ${done} +done .*About snow\n$`));
    assertEquals(list.out.trimEnd().split("\n").length, 2);
    assertEquals(JSON.parse(json.out).tasks.length, 3);
    assertEquals(result.out.trim(), "# Report\n\nsnow");
    assertEquals(JSON.parse(raw.out).state, "done");
    for (const { code, err } of [get, list, json, result, raw]) assertEquals([code, err], [0, ""]);
  });
  await t.step("watch prints what happened to the end", async () => {
    const { code, out } = await site.ask(["watch", done]);
    const lines = out.trim().split("\n");
    assertEquals([code, lines.length], [0, 10], out);
    assertMatch(lines[0], /^\d\d:\d\d:\d\d\.\d{3} {2}submitted$/);
    assertMatch(lines.at(-1)!, /done$/);
  });
  await t.step("a task that dies gives exit code 1, its reason in one line", async () => {
    const dead = await site.ask(["submit", "--text", "die", "--wait"]);
    assertRefused(dead, EXIT.failed, /is dead: handler_rejected: Cannot merge this/);
    const { out } = await site.ask(["list", "--state", "dead", "--json"]);
    const [{ task }] = JSON.parse(out).tasks;
    assertEquals((await site.ask(["watch", task])).code, EXIT.failed);
    assertRefused(await site.ask(["result", task]), EXIT.failed, /is dead/);
  });
  await t.step(
    "why tells why, and retry has a task tried again, from where it is asked to",
    async () => {
      const { out } = await site.ask(["list", "--state", "dead", "--json"]);
      const [{ task }] = JSON.parse(out).tasks;
      const why = await site.ask(["why", task]);
      assertEquals(why.code, 0);
      assertMatch(
        why.out,
        /^dead: merge failed for good: handler_rejected: Cannot merge this, .* ago$/m,
      );
      assertMatch(why.out, /^ {2}submitted .* ago$/m);
      const retry = await site.ask(["retry", task]);
      assertEquals([retry.code, retry.out], [0, `${task} queued\n`]);
      assertRefused(await site.ask(["result", task, "--wait", "30"]), EXIT.failed, /is dead/);
      assertEquals(agents.ran.get(`collect ${task}`), 1);
      assertEquals(agents.ran.get(`merge ${task}`), 2);
      const again = await site.ask(["retry", task, "--from", "collect", "--json"]);
      assertEquals([again.code, JSON.parse(again.out).state], [0, "queued"]);
      assertRefused(await site.ask(["result", task, "--wait", "30"]), EXIT.failed, /is dead/);
      assertEquals(agents.ran.get(`collect ${task}`), 2);
      const wrong = await site.ask(["retry", task, "--from", "knit"]);
      assertRefused(
        wrong,
        EXIT.refused,
        /invalid_input: .*collect, analyze, combine, merge, report/,
      );
      assertRefused(await site.ask(["retry", done]), EXIT.refused, /already_final/);
      const { because } = JSON.parse((await site.ask(["why", task, "--json"])).out);
      assertMatch(because.join("\n"), /retried .* ago, from collect/);
    },
  );
  await t.step("pause holds an agent until resume, and agents says so", async () => {
    const paused = await site.ask(["pause", "--agent", "analyzer"]);
    assertEquals(paused.code, 0);
    assertMatch(paused.out, /^analyzer paused since \d/);
    assertMatch((await site.ask(["agents"])).out, /^analyzer .* paused$/m);
    const { out } = await site.ask(["submit", "--text", "fog"]);
    const task = out.trim();
    await until(() => agents.ran.get(`collect ${task}`) === 1, "it is collected");
    assertMatch((await site.ask(["why", task])).out, /^waiting for analyzer: it is paused since /);
    const json = await site.ask(["resume", "--agent", "analyzer", "--json"]);
    assertEquals(JSON.parse(json.out), { agent: "analyzer", paused: null });
    assertEquals((await site.ask(["result", task, "--wait", "30"])).code, 0);
    const pipeline = await site.ask(["pause", "--pipeline", "report"]);
    assertMatch(pipeline.out, /^report paused since \d/);
    assertEquals((await site.ask(["resume", "--pipeline", "report"])).out, "report goes on\n");
    assertRefused(await site.ask(["pause", "--agent", "knitter"]), EXIT.refused, /not_found/);
    assertRefused(await site.ask(["pause"]), EXIT.usage, /--agent or a --pipeline/);
  });
  await t.step("a wait that runs out gives exit code 5, and cancel ends the task", async () => {
    const { out } = await site.ask(["submit", "--text", "hang"]);
    const task = out.trim();
    const late = await site.ask(["result", task, "--wait", "1"]);
    assertRefused(late, EXIT.timed_out, /is running; ask again later/);
    const cancel = await site.ask(["cancel", task]);
    assertEquals([cancel.code, cancel.out], [0, `${task} cancelled\n`]);
    assertRefused(await site.ask(["cancel", task]), EXIT.refused, /already_final/);
  });
  await t.step("a task's deadline ends it, and who waits is told", async () => {
    const { code, err } = await site.ask(["submit", "--text", "hang", "--deadline", "1", "--wait"]);
    assertEquals(code, EXIT.failed);
    assertMatch(err, /is dead: deadline_exceeded: /);
  });
  await t.step("what is not there is refused with exit code 3", async () => {
    for (const name of ["get", "watch", "result", "cancel", "retry", "why"]) {
      assertRefused(await site.ask([name, "t0"]), EXIT.refused, /^orchestrator: not_found: /);
    }
    assertRefused(await site.ask(["call", "fly"]), EXIT.refused, /unknown_type/);
  });
  await t.step("a secret that is another one is refused", async () => {
    const env = { AUTH_TOKEN: SECRET.toUpperCase() };
    assertRefused(await site.ask(["list"], { env }), EXIT.refused, /auth_failed/);
  });
  await t.step("agents, call and health tell of the process", async () => {
    const agents = await site.ask(["agents"]);
    assertEquals([agents.code, agents.out.trim().split("\n").length], [0, 3]);
    assertMatch(agents.out, /^collector .* up$/m);
    const { code, out } = await site.ask(["call", "events", `{"task":"${done}","after":9}`]);
    assertEquals([code, JSON.parse(out).events.map(({ kind }: { kind: string }) => kind)], [
      0,
      ["done"],
    ]);
    const health = JSON.parse((await site.ask(["health", "--json"])).out);
    assertEquals([health.status, health.name, health.agents], ["ok", "orchestrator-7", "up"]);
    const load = ["uptime_ms", "waiting", "running", "oldest_ms"];
    const told = ["status", "role", "name", "version", "storage", "agents", ...load];
    assertEquals(Object.keys(health), told, "and nothing else");
  });
  await t.step("no line of the log has the secret in it", () => {
    assert(!running.err.includes(SECRET) && !running.out.includes(SECRET));
    assert(!running.err.includes('"internal"'), running.err);
  });
});

Deno.test("agents gives exit code 1 where one is down", async () => {
  await using site = await Site.make();
  await using _ = await site.serve();
  const { code, out } = await site.ask(["agents"]);
  assertEquals(code, EXIT.failed);
  assertMatch(out, /^reporter .* down /m);
});

Deno.test("health turns red while a task that could go on waits longer than the patience", async () => {
  await using folder = await TempFolder.make();
  await using agents = await FakeAgents.start(folder.path);
  await using site = await Site.make(agents);
  await using _ = await site.serve(["--concurrency", "1", "--max-wait", "1"]);
  const health = async (): Promise<{ code: number; status: string; oldest_ms: number }> => {
    const { code, out } = await site.ask(["health", "--json"]);
    return { code, ...JSON.parse(out) };
  };
  /** Asks until it is so. */
  const turned = async (status: string): ReturnType<typeof health> => {
    const is = await health();
    return is.status === status ? is : await turned(status);
  };
  assertEquals([(await health()).code, (await health()).status], [EXIT.done, "ok"]);
  assertEquals((await site.ask(["submit", "--text", "hang"])).code, EXIT.done);
  assertEquals((await site.ask(["submit", "--text", "next"])).code, EXIT.done);
  const red = await within(turned("overloaded"), "a red health");
  assertEquals([red.code, red.status], [EXIT.failed, "overloaded"]);
  assert(red.oldest_ms > 1_000, `${red.oldest_ms}`);
  agents.letGo();
  const green = await within(turned("ok"), "a green health");
  assertEquals([green.code, green.status, green.oldest_ms], [EXIT.done, "ok", 0]);
});

Deno.test("thirty tasks end done, each call made once, though the orchestrator is killed among them", async () => {
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
      if (reply === undefined) break; // killed before it answered: the task may be there or not
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
