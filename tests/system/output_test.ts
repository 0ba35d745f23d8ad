/**
 * Text from outside on its way through the whole line, as real processes: whatever a log, a file's
 * name, a client or an agent says, it comes out as text. Looked at are all commands, the dashboard on
 * a terminal and as blocks, the logs, and the reports, in a browser too where there is one.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { importSecret } from "../../lib/wire/auth.ts";
import { CodedError } from "../../lib/errors.ts";
import { AGENT_ROLES } from "../../lib/launch/launch.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { Role } from "../../lib/roles.ts";
import { Server } from "../../lib/server/server.ts";
import { TempFolder } from "../harness/temp_folder.ts";
import { skip } from "../harness/test_output.ts";
import { Browser, TRAP } from "../fuzz/browser.ts";
import { onTerminal } from "../fuzz/on_terminal.ts";
import { type Ran, RoleProcesses } from "../harness/role_processes.ts";

const UNSEEN = "\x1b[2J\x07\b\r\x7f\u009b31m\u0085\u202e\u2066\u2028\u200b\ufeff\u3164\u034f";
const MARKUP =
  `<script>document.title="run"</script>"><img src=${TRAP} onerror='document.title="run"'>`;
const MARKDOWN = "[x](javascript:alert(1)) ``` ` | a | b | **b** <http://a.example> &lt; \\";
const NASTY = `nasty <script> ${UNSEEN} ${MARKUP} ${MARKDOWN} end`;
/** A name that a file can have, and a stream. */
const NAME = NASTY.replaceAll("/", "\u2215").replaceAll("\\", "").slice(0, 140);
/** Commands that run side by side. */
const AT_ONCE = 4;
/** What may be passed to a process in its environment or its arguments. */
const ENV = { NO_COLOR: "1" };

/** Whatever a terminal obeys, what turns text around, and what nobody sees; a line feed is none. */
const OBEYED =
  /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]--[\n\u200c\u200d\p{Variation_Selector}]]/v;

/** Fails where a terminal would obey something of it. */
function assertShown(text: string, what: string): void {
  const at = OBEYED.exec(text)?.index;
  if (at === undefined) return;
  throw new Error(`${what} has ${JSON.stringify(text.slice(Math.max(0, at - 80), at + 20))}`);
}

function assertAllShown({ stdout, stderr }: Ran, what: string): void {
  assertShown(stdout, `${what}: stdout`);
  assertShown(stderr, `${what}: stderr`);
}

/** Each command that tells of a task or of all, in words and as JSON. */
async function everyCommand(roles: RoleProcesses, task: string): Promise<void> {
  const told = [
    ...["get", "watch", "result", "why", "cancel", "retry"].map((command) => [command, task]),
    ...["list", "agents", "health", "pause"].map((command) => [command]),
  ];
  await runAll(roles, [...told, ...told.map((args) => [...args, "--json"])]);
}

/** What a command is given that it can't take, and says so. */
async function everyRefusal(roles: RoleProcesses, task: string): Promise<void> {
  const refused = [
    ...["get", "watch", "result", "why", "cancel", "retry"].map((command) => [command, NASTY]),
    ["retry", task, "--from", NASTY],
    ["list", "--state", NASTY],
    ["pause", "--agent", NASTY],
    ["resume", "--pipeline", NASTY],
    ["submit", "--pipeline", NASTY, "--text", NASTY],
    ["submit", "--input", NASTY],
    ["call", "list", "{}"],
    ["call", NASTY],
    ["call", "get", JSON.stringify({ [NASTY]: NASTY })],
    ["call", "get", NASTY],
    [NASTY],
    [`--${NASTY}`],
    ["list", `--${NASTY}`],
    ["list", "--limit", NASTY],
    ["list", "--host", NASTY],
  ];
  await runAll(roles, refused);
}

async function runAll(roles: RoleProcesses, commands: string[][]): Promise<void> {
  const left = [...commands];
  const runSome = async (): Promise<void> => {
    for (let args; (args = left.pop()) !== undefined;) {
      const ran = await roles.run("orchestrator", args, ENV);
      assertAllShown(ran, args.join(" "));
      if (args.at(-1) !== "--json") continue;
      for (const line of ran.stdout.split("\n").filter(Boolean)) JSON.parse(line);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, runSome));
}

/** The dashboard and some commands where colours and redrawing are used. */
async function everyScreen(roles: RoleProcesses, task: string): Promise<void> {
  const commands = [["list"], ["get", task], ["watch", task], ["agents"], ["result", task]];
  await Promise.all(commands.map(async (args) => {
    assertShown(await onTerminal(roles.site, args), `${args.join(" ")} on a terminal`);
  }));
  const dashboard = await onTerminal(roles.site, ["dashboard"], 3);
  assertStringIncludes(dashboard, "BATON");
  assertShown(dashboard, "dashboard on a terminal");
}

async function idOf(roles: RoleProcesses, label: string): Promise<string> {
  const { stdout } = await roles.run("orchestrator", ["list", "--json"]);
  const { tasks } = JSON.parse(stdout) as { tasks: { task: string; label: string }[] };
  const found = tasks.find((task) => task.label === label);
  if (found === undefined) throw new Error(`No task is labelled so: ${stdout}`);
  return found.task;
}

/** Logs of each kind, with the text wherever there is room for one. */
async function writeInbox(folder: string, text: string): Promise<void> {
  const cell = `"${text.replaceAll('"', '""')}"`;
  const lines = Array.from({ length: 30 }, (_, at) => {
    const level = at % 3 === 0 ? "ERROR" : "INFO";
    return `2026-11-01T10:00:${String(at).padStart(2, "0")}Z ${level} app: ${text} ms=${at}`;
  });
  const rows = Array.from({ length: 30 }, (_, at) => `${at},${cell},${cell}`);
  const values = Array.from(
    { length: 30 },
    (_, at) => JSON.stringify({ level: "error", msg: text, [text.slice(0, 60)]: at, who: text }),
  );
  await Deno.writeTextFile(`${folder}/${NAME}.log`, lines.join("\n").replaceAll("\r", "") + "\n");
  await Deno.writeTextFile(`${folder}/${NAME}.csv`, [`a,${cell},c`, ...rows].join("\n") + "\n");
  await Deno.writeTextFile(`${folder}/${NAME}.jsonl`, values.join("\n") + "\n");
}

/** What a browser shows of a report is text: nothing runs, nothing is loaded. */
async function lookAt(path: string, t: Deno.TestContext): Promise<void> {
  await using browser = await Browser.start();
  if (browser === undefined) return await skip(t, "there is no Chromium");
  const control = `${path}.control.html`;
  await Deno.writeTextFile(control, `<title>still</title>${MARKUP}`);
  const seen = await browser.open(control);
  assertMatch(seen, /<title>run<\/title>/, "the browser runs what it is given");
  assert(browser.trapped > 0, "the browser loads what it is told to");
  const loads = browser.trapped;
  const shown = await browser.open(path);
  assertEquals(/<title>run<\/title>/.test(shown), false, "a script has run");
  assertEquals(/<(script|img|iframe|link|object|base|form)\b|\son\w+=/i.test(tagsOf(shown)), false);
  assertStringIncludes(shown, "&lt;script&gt;");
  assertEquals(browser.trapped, loads, "something was loaded");
  await Deno.remove(control);
}

/** The tags of a page, without the text between them and in their attributes. */
function tagsOf(page: string): string {
  return [...page.matchAll(/<[^>]*>/g)].map(([tag]) => tag.replaceAll(/"[^"]*"/g, '""')).join("");
}

Deno.test("what a log says, and how its file is called, comes out as text everywhere", async (t) => {
  await using temp = await TempFolder.make();
  await using roles = await RoleProcesses.in(temp.path, { env: () => ({ BATON_NAME: NASTY }) });
  await roles.run("orchestrator", ["secret"]);
  await roles.startAll();
  await writeInbox(`${temp.path}/inbox`, NASTY);
  const submit = (...args: string[]) =>
    roles.run("orchestrator", ["submit", ...args, "--wait"], ENV);
  const glob = "nasty*";
  const first = await submit(glob, "--stream", NAME, "--label", "first");
  assertEquals(first.code, 0, first.stderr);
  await writeInbox(`${temp.path}/inbox`, `${NASTY} and now something that is new 7`);
  const second = await submit(glob, "--stream", NAME, "--label", NASTY);
  assertEquals(second.code, 0, second.stderr);
  assertAllShown(second, "submit --wait");
  assertStringIncludes(second.stdout, "\\u202e");
  assertStringIncludes(second.stdout, "<script>");
  assertAllShown(await submit(`${NAME}.none`, "--json"), "submit of a file that is not there");
  assertAllShown(await submit(glob, "--json", "--key", NASTY), "submit --json");

  const task = await idOf(roles, NASTY.slice(0, 200));
  await everyCommand(roles, task);
  await everyRefusal(roles, task);
  await everyScreen(roles, task);
  await everyScreen(roles, await idOf(roles, `${NAME}.none`));

  const reports = `${temp.path}/memory/reporter/reports`;
  for (const form of ["md", "html", "json"]) {
    const text = await Deno.readTextFile(`${reports}/${task}/report.${form}`);
    assertShown(text, `report.${form}`);
  }
  const report = JSON.parse(await Deno.readTextFile(`${reports}/${task}/report.json`));
  assertEquals(report.analysis.stream, NAME, "the JSON means what it meant");
  for (const file of ["index.html", "index.json"]) {
    assertShown(await Deno.readTextFile(`${reports}/${file}`), file);
  }
  for (const file of [`${task}/report.html`, "index.html"]) {
    const page = await Deno.readTextFile(`${reports}/${file}`);
    assertMatch(
      page,
      /content="default-src &#39;none&#39;; style-src &#39;sha256-[^;]+&#39;; base/,
    );
    assertEquals(
      /<(script|img|iframe|link|object|base|form)\b|\son\w+=/i.test(tagsOf(page)),
      false,
    );
    await t.step(file, (t) => lookAt(`${reports}/${file}`, t));
  }
  for (const role of AGENT_ROLES) await roles.stop(role);
  await roles.until(["agents"], ({ code }) => code !== 0);
  assertAllShown(await roles.run("orchestrator", ["agents"]), "agents that are gone");
  await roles.stop("orchestrator");
  assertShown(roles.output, "what the roles said");
});

/** An agent that holds the secret and means harm. */
class HostileAgent implements AsyncDisposable {
  readonly #server: Server;

  constructor(
    role: Role,
    port: number,
    secret: string,
    answer: (type: string) => JsonObject,
    shown: string = role,
  ) {
    this.#server = new Server({
      hostname: "127.0.0.1",
      port,
      log: () => {},
      service: {
        role: shown,
        name: NASTY,
        version: NASTY,
        secret: importSecret(secret),
        health: () => ({ status: NASTY, [NASTY]: NASTY }),
        // deno-lint-ignore require-await -- what it throws is its answer
        answer: async ({ type }) => answer(type),
        onInternal: () => {},
      },
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server[Symbol.asyncDispose]();
  }
}

Deno.test("what an agent says comes out as text, be it an answer, an error or a name", async () => {
  await using temp = await TempFolder.make();
  await using roles = await RoleProcesses.in(temp.path);
  await roles.run("orchestrator", ["secret"]);
  const secret = (await Deno.readTextFile(`${temp.path}/secret/token`)).trim();
  let rejects = true;
  const hostile = (type: string): JsonObject => {
    if (rejects) throw new CodedError("handler_rejected", NASTY, { details: [NASTY, NASTY] });
    if (type === "collect") return { page: { text: NASTY }, cursor: null };
    const headline = NASTY + "h".repeat(2_500_000); // two of them are longer than a reply may be
    return { headline, markdown: NASTY, stream: NASTY, [NASTY]: [NASTY] };
  };
  const { ports } = roles.site;
  roles.start("orchestrator");
  {
    await using _stranger = new HostileAgent("reporter", ports.reporter, secret, hostile, NASTY);
    const strange = await roles.until(["agents"], ({ stdout }) => stdout.includes("it is "));
    assertAllShown(strange, "agents with a stranger among them");
  }
  await using _collector = new HostileAgent("collector", ports.collector, secret, hostile);
  await using _analyzer = new HostileAgent("analyzer", ports.analyzer, secret, hostile);
  await using _reporter = new HostileAgent("reporter", ports.reporter, secret, hostile);
  await roles.up();
  const submit = (...args: string[]) =>
    roles.run("orchestrator", ["submit", "--text", "a", ...args]);
  const failed = await submit("--wait", "--label", "fails");
  assertStringIncludes(failed.stderr, "handler_rejected");
  assertAllShown(failed, "a task that fails");
  rejects = false;
  const done = await submit("--wait", "--label", "goes well");
  assertEquals(done.code, 0, done.stderr);
  assertAllShown(done, "a task that goes well");
  await submit("--wait", "--label", "goes well again");
  assertEquals((await roles.run("orchestrator", ["list"])).code, 0, "a list of all of them");
  for (const label of ["fails", "goes well"]) {
    const task = await idOf(roles, label);
    await everyCommand(roles, task);
    await everyScreen(roles, task);
  }
  for (const role of AGENT_ROLES) {
    assertAllShown(await roles.run(role, ["health"]), `${role} health`);
    assertAllShown(await roles.run(role, ["health", "--json"]), `${role} health --json`);
  }
  await roles.stop("orchestrator");
  assertShown(roles.output, "what the orchestrator said");
});

Deno.test("what an orchestrator says comes out as text of the command line", async () => {
  await using temp = await TempFolder.make();
  await using roles = await RoleProcesses.in(temp.path);
  await roles.run("orchestrator", ["secret"]);
  const secret = (await Deno.readTextFile(`${temp.path}/secret/token`)).trim();
  const { orchestrator: port } = roles.site.ports;
  const error = { code: NASTY, message: NASTY };
  const task = { task: NASTY, pipeline: NASTY, label: NASTY, state: NASTY, stage: NASTY };
  const event = { seq: 1, at: NASTY, kind: NASTY, stage: NASTY, error };
  const address = { address: NASTY, up: false, error: NASTY, in_flight: NASTY };
  const agent = { agent: NASTY, paused: NASTY, addresses: [address], done: NASTY, failed: 1 };
  await using _ = new HostileAgent("orchestrator", port, secret, () => ({
    ...task,
    headline: NASTY,
    error,
    paused: NASTY,
    state: "done",
    tasks: [{ ...task, headline: NASTY, error, pages: 1, ended_at: null, spent_ms: 5 }],
    events: [event],
    last: 1,
    result: { markdown: NASTY },
    because: [NASTY, NASTY],
    agents: [{ ...agent, last: { id: NASTY, ms_ago: 1, error: NASTY } }],
    pipelines: [{ name: NASTY, paused: NASTY }],
  }));
  await everyCommand(roles, "t1");
  for (const args of [["submit", "--text", "a"], ["submit", "--text", "a", "--wait"]]) {
    assertAllShown(await roles.run("orchestrator", args), args.join(" "));
  }
  await everyScreen(roles, "t1");
  const progress = await onTerminal(roles.site, ["submit", "--text", "a", "--wait"]);
  assertShown(progress, "progress on a terminal");
});
