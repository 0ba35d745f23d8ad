import { assert, assertEquals, assertMatch } from "@std/assert";
import { EXIT } from "../../../lib/exit.ts";
import { SECRET } from "../../harness/secrets.ts";
import { TempFolder } from "../../harness/temp_folder.ts";
import { until } from "../../harness/waiting.ts";
import { assertRefused } from "../assert_refused.ts";
import { FakeAgents, Site } from "../site.ts";

Deno.test("runCommand() shows the help of each subcommand, and its own without a word", async () => {
  await using site = await Site.make();
  const { code, out } = await site.run(["--help"]);
  assertEquals(code, 0);
  for (const [word, exit] of Object.entries(EXIT)) assert(out.includes(`${exit} ${word}`));
  const names = [...out.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name);
  assert(names.length >= 12, names.join(" "));
  const helps = await Promise.all(names.map((name) => site.command([name, "--help"])));
  for (const [at, { code, out, err }] of helps.entries()) {
    assertEquals([code, err], [0, ""], names[at]);
    assert(out.startsWith(`orchestrator ${names[at]} `), out);
  }
  assertEquals((await site.command([])).out, out, "without a word");
});

Deno.test("runCommand() rejects what it can't parse with exit code 2 and one line", async () => {
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
  for (const [args, why] of wrong) assertRefused(await site.command(args), EXIT.usage, why);
  assertRefused(await site.run(["fly"]), EXIT.usage, /"fly"/);
});

Deno.test("runCommand() reports at once that no orchestrator is there", async () => {
  await using site = await Site.make();
  const commands = [["list"], ["watch", "t1"], ["result", "t1"], ["submit", "--text", "x"]];
  const ran = await Promise.all(commands.map((args) => site.ask(args)));
  for (const result of ran) assertRefused(result, EXIT.unreachable, /Cannot connect/);
  assertRefused(await site.ask(["health"]), EXIT.unreachable, /Cannot/);
});

Deno.test("runCommand() runs every subcommand against one orchestrator", async (t) => {
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
  await t.step("submit rejects more than 1 MiB from stdin, counted in bytes", async () => {
    const refused = await site.ask(["submit", "-"], { stdin: "é".repeat(512 * 1024) + "!" });
    assertRefused(refused, EXIT.usage, /more than 1 MiB/);
  });
  await t.step(
    "submit prints the task's id or, with --json, the task; a key returns it again",
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
  await t.step("get, list and result print tasks as lines and as JSON", async () => {
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
  await t.step("watch prints each event to the end", async () => {
    const { code, out } = await site.ask(["watch", done]);
    const lines = out.trim().split("\n");
    assertEquals([code, lines.length], [0, 10], out);
    assertMatch(lines[0], /^\d\d:\d\d:\d\d\.\d{3} {2}submitted$/);
    assertMatch(lines.at(-1)!, /done$/);
  });
  await t.step(
    "submit, watch and result of a dead task end with exit code 1 and the reason in one line",
    async () => {
      const dead = await site.ask(["submit", "--text", "die", "--wait"]);
      assertRefused(dead, EXIT.failed, /is dead: handler_rejected: Cannot merge this/);
      const { out } = await site.ask(["list", "--state", "dead", "--json"]);
      const [{ task }] = JSON.parse(out).tasks;
      assertEquals((await site.ask(["watch", task])).code, EXIT.failed);
      assertRefused(await site.ask(["result", task]), EXIT.failed, /is dead/);
    },
  );
  await t.step(
    "why explains a dead task, and retry runs it again from the call that --from names",
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
  await t.step("pause holds an agent until resume, and agents shows it", async () => {
    const paused = await site.ask(["pause", "--agent", "analyzer"]);
    assertEquals(paused.code, 0);
    assertMatch(paused.out, /^analyzer paused since \d/);
    assertMatch((await site.ask(["agents"])).out, /^analyzer .* paused$/m);
    const { out } = await site.ask(["submit", "--text", "fog"]);
    const task = out.trim();
    await until(() => agents.ran.get(`collect ${task}`) === 1, "the task is collected");
    assertMatch((await site.ask(["why", task])).out, /^waiting for analyzer: it is paused since /);
    const json = await site.ask(["resume", "--agent", "analyzer", "--json"]);
    assertEquals(JSON.parse(json.out), { agent: "analyzer", paused: null });
    assertEquals((await site.ask(["result", task, "--wait", "30"])).code, 0);
    const pipeline = await site.ask(["pause", "--pipeline", "report"]);
    assertMatch(pipeline.out, /^report paused since \d/);
    assertEquals((await site.ask(["resume", "--pipeline", "report"])).out, "report resumed\n");
    assertRefused(await site.ask(["pause", "--agent", "knitter"]), EXIT.refused, /not_found/);
    assertRefused(await site.ask(["pause"]), EXIT.usage, /--agent or a --pipeline/);
  });
  await t.step(
    "result ends with exit code 5 when its wait is over, and cancel ends the task",
    async () => {
      const { out } = await site.ask(["submit", "--text", "hang"]);
      const task = out.trim();
      const late = await site.ask(["result", task, "--wait", "1"]);
      assertRefused(late, EXIT.timed_out, /is running; ask again later/);
      const cancel = await site.ask(["cancel", task]);
      assertEquals([cancel.code, cancel.out], [0, `${task} cancelled\n`]);
      assertRefused(await site.ask(["cancel", task]), EXIT.refused, /already_final/);
    },
  );
  await t.step("submit --wait reports that the task's deadline has passed", async () => {
    const { code, err } = await site.ask(["submit", "--text", "hang", "--deadline", "1", "--wait"]);
    assertEquals(code, EXIT.failed);
    assertMatch(err, /is dead: deadline_exceeded: /);
  });
  await t.step("an unknown task or type ends with exit code 3", async () => {
    for (const name of ["get", "watch", "result", "cancel", "retry", "why"]) {
      assertRefused(await site.ask([name, "t0"]), EXIT.refused, /^orchestrator: not_found: /);
    }
    assertRefused(await site.ask(["call", "fly"]), EXIT.refused, /unknown_type/);
  });
  await t.step("a wrong secret ends with exit code 3", async () => {
    const env = { AUTH_TOKEN: SECRET.toUpperCase() };
    assertRefused(await site.ask(["list"], { env }), EXIT.refused, /auth_failed/);
  });
  await t.step(
    "agents, call and health report on the process; health says nothing of its tasks",
    async () => {
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
      const fields = ["status", "role", "name", "version", "storage", "agents", ...load];
      assertEquals(Object.keys(health), fields, "no other field");
    },
  );
  await t.step("no line of the log contains the secret", () => {
    assert(!running.err.includes(SECRET) && !running.out.includes(SECRET));
    assert(!running.err.includes('"internal"'), running.err);
  });
});

Deno.test("agents ends with exit code 1 if an agent is down", async () => {
  await using site = await Site.make();
  await using _ = await site.serve();
  const { code, out } = await site.ask(["agents"]);
  assertEquals(code, EXIT.failed);
  assertMatch(out, /^reporter .* down /m);
});
