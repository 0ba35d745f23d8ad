/**
 * Text from outside comes out as text: from a log, the name of a file, a client or an agent, through
 * real processes, in all commands, on the dashboard, in the logs and in the reports. Reports are
 * opened in a browser too, if there is one.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { CodedError } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import { AGENT_ROLES } from "../../lib/roles.ts";
import type { Ran } from "../harness/commands.ts";
import { RoleProcesses } from "../harness/role_processes.ts";
import { TempFolder } from "../harness/temp_folder.ts";
import { skip } from "../harness/test_output.ts";
import { Browser } from "./browser.ts";
import { HostileAgent } from "./hostile_agent.ts";
import { assertPlainText, MARKUP, NASTY, NASTY_NAME } from "./nasty_text.ts";
import { dashboardOnTerminal, onTerminal } from "./on_terminal.ts";

/** Tags and attributes that a report never has. */
const ACTIVE = /<(script|img|iframe|link|object|base|form)\b|\son\w+=/i;

function assertAllPlain({ stdout, stderr }: Ran, what: string): void {
  assertPlainText(stdout, `${what}: stdout`);
  assertPlainText(stderr, `${what}: stderr`);
}

/** Each command that shows a task or all of them, in words and as JSON. */
function everyCommand(task: string): string[][] {
  const commands = [
    ...["get", "watch", "result", "why", "cancel", "retry"].map((command) => [command, task]),
    ...["list", "agents", "health", "pause"].map((command) => [command]),
  ];
  return [...commands, ...commands.map((words) => [...words, "--json"])];
}

/** Commands with words that they refuse and quote in the message. */
function everyRefusal(task: string): string[][] {
  return [
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
}

async function assertCommandsPlain(roles: RoleProcesses, commands: string[][]): Promise<void> {
  for (const words of commands) {
    const ran = await roles.ask(...words);
    assertAllPlain(ran, words.join(" "));
    if (words.at(-1) !== "--json") continue;
    for (const line of ran.stdout.split("\n").filter(Boolean)) JSON.parse(line);
  }
}

/** The commands with colours, and the dashboard, on a terminal. */
async function assertTerminalPlain(roles: RoleProcesses, tasks: string[]): Promise<void> {
  const ofTask = ["get", "watch", "result"];
  const commands = [
    ["list"],
    ["agents"],
    ...tasks.flatMap((task) => ofTask.map((word) => [word, task])),
  ];
  const shown = await onTerminal(roles.site, commands);
  for (const [at, text] of shown.entries()) {
    assertPlainText(text, `${commands[at].join(" ")} on a terminal`);
  }
  const dashboard = await dashboardOnTerminal(roles.site);
  assertStringIncludes(dashboard, "BATON");
  assertPlainText(dashboard, "dashboard on a terminal");
}

async function taskLabelled(roles: RoleProcesses, label: string): Promise<string> {
  const { stdout } = await roles.ask("list", "--json");
  const { tasks } = JSON.parse(stdout) as { tasks: { task: string; label: string }[] };
  const found = tasks.find((task) => task.label === label);
  if (found === undefined) throw new Error(`No task has the label: ${stdout}`);
  return found.task;
}

/** Writes a log of each format with the text in every field that can hold one. */
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
  const path = `${folder}/${NASTY_NAME}`;
  await Deno.writeTextFile(`${path}.log`, lines.join("\n").replaceAll("\r", "") + "\n");
  await Deno.writeTextFile(`${path}.csv`, [`a,${cell},c`, ...rows].join("\n") + "\n");
  await Deno.writeTextFile(`${path}.jsonl`, values.join("\n") + "\n");
}

/** In a browser the pages are text: nothing runs, and nothing is loaded. */
async function assertPagesInert(folder: string, pages: string[], t: Deno.TestContext) {
  await using browser = await Browser.start();
  if (browser === undefined) return await skip(t, "there is no Chromium");
  const control = `${folder}/control.html`;
  await Deno.writeTextFile(control, `<title>still</title>${MARKUP}`);
  assertMatch(await browser.open(control), /<title>run<\/title>/, "the browser runs scripts");
  assert(browser.trapped > 0, "the browser loads images");
  const loads = browser.trapped;
  for (const page of pages) {
    const shown = await browser.open(page);
    assertEquals(/<title>run<\/title>/.test(shown), false, `a script of ${page} has run`);
    assertEquals(ACTIVE.test(tagsOf(shown)), false, page);
    assertStringIncludes(shown, "&lt;script&gt;");
    assertEquals(browser.trapped, loads, `${page} has loaded something`);
  }
}

/** Returns the tags of a page, without the text between them and in their attributes. */
function tagsOf(page: string): string {
  return [...page.matchAll(/<[^>]*>/g)].map(([tag]) => tag.replaceAll(/"[^"]*"/g, '""')).join("");
}

Deno.test("the text of a log and the name of its file come out as text", async (t) => {
  await using temp = await TempFolder.make();
  const env = () => ({ BATON_NAME: NASTY, NO_COLOR: "1" });
  await using roles = await RoleProcesses.in(temp.path, { env });
  await roles.makeSecret();
  await roles.startAll();
  await writeInbox(`${temp.path}/inbox`, NASTY);
  const submit = (...words: string[]) => roles.ask("submit", ...words, "--wait");
  const glob = "nasty*";
  const first = await submit(glob, "--stream", NASTY_NAME, "--label", "first");
  assertEquals(first.code, 0, first.stderr);
  await writeInbox(`${temp.path}/inbox`, `${NASTY} and now something that is new 7`);
  const second = await submit(glob, "--stream", NASTY_NAME, "--label", NASTY);
  assertEquals(second.code, 0, second.stderr);
  assertAllPlain(second, "submit --wait");
  assertStringIncludes(second.stdout, "\\u202e");
  assertStringIncludes(second.stdout, "<script>");
  const missing = `${NASTY_NAME}.none`;
  assertAllPlain(await submit(missing, "--json"), "submit of a missing file");
  assertAllPlain(await submit(glob, "--json", "--key", NASTY), "submit --json");

  const task = await taskLabelled(roles, NASTY.slice(0, 200));
  await assertCommandsPlain(roles, [...everyCommand(task), ...everyRefusal(task)]);
  await assertTerminalPlain(roles, [task, await taskLabelled(roles, missing)]);

  const reports = `${temp.path}/memory/reporter/reports`;
  for (const form of ["md", "html", "json"]) {
    const text = await Deno.readTextFile(`${reports}/${task}/report.${form}`);
    assertPlainText(text, `report.${form}`);
  }
  const report = JSON.parse(await Deno.readTextFile(`${reports}/${task}/report.json`));
  assertEquals(report.analysis.stream, NASTY_NAME, "JSON keeps the meaning");
  for (const file of ["index.html", "index.json"]) {
    assertPlainText(await Deno.readTextFile(`${reports}/${file}`), file);
  }
  const pages = [`${task}/report.html`, "index.html"].map((page) => `${reports}/${page}`);
  for (const path of pages) {
    const page = await Deno.readTextFile(path);
    assertMatch(
      page,
      /content="default-src &#39;none&#39;; style-src &#39;sha256-[^;]+&#39;; base/,
    );
    assertEquals(ACTIVE.test(tagsOf(page)), false, path);
  }
  await t.step("in a browser", (t) => assertPagesInert(temp.path, pages, t));
  for (const role of AGENT_ROLES) await roles.stop(role);
  const down = await roles.until(["agents"], ({ code }) => code !== 0);
  assertAllPlain(down, "agents that have stopped");
  await roles.stop("orchestrator");
  assertPlainText(roles.output, "what the roles have written");
});

Deno.test("what an agent answers, and its name, come out as text", async () => {
  await using temp = await TempFolder.make();
  await using roles = await RoleProcesses.in(temp.path);
  const secret = await roles.makeSecret();
  let rejects = true;
  const answer = (type: string): JsonObject => {
    if (rejects) throw new CodedError("handler_rejected", NASTY, { details: [NASTY, NASTY] });
    if (type === "collect") return { page: { text: NASTY }, cursor: null };
    const headline = NASTY + "h".repeat(2_500_000); // two of them are longer than a reply may be
    return { headline, markdown: NASTY, stream: NASTY, [NASTY]: [NASTY] };
  };
  const { ports } = roles.site;
  roles.start("orchestrator");
  {
    await using _stranger = new HostileAgent("reporter", ports.reporter, secret, answer, NASTY);
    const strange = await roles.until(["agents"], ({ stdout }) => stdout.includes("it is "));
    assertAllPlain(strange, "agents with a stranger among them");
  }
  await using _collector = new HostileAgent("collector", ports.collector, secret, answer);
  await using _analyzer = new HostileAgent("analyzer", ports.analyzer, secret, answer);
  await using _reporter = new HostileAgent("reporter", ports.reporter, secret, answer);
  await roles.up();
  const submit = (label: string) => roles.ask("submit", "--text", "a", "--wait", "--label", label);
  const failed = await submit("fails");
  assertStringIncludes(failed.stderr, "handler_rejected");
  assertAllPlain(failed, "a task that fails");
  rejects = false;
  for (const label of ["succeeds", "succeeds again"]) {
    const done = await submit(label);
    assertEquals(done.code, 0, done.stderr);
    assertAllPlain(done, `a task that ${label}`);
  }
  const tasks = [await taskLabelled(roles, "fails"), await taskLabelled(roles, "succeeds")];
  await assertCommandsPlain(roles, tasks.flatMap(everyCommand));
  await assertTerminalPlain(roles, tasks);
  for (const role of AGENT_ROLES) {
    assertAllPlain(await roles.run(role, ["health"]), `${role} health`);
    assertAllPlain(await roles.run(role, ["health", "--json"]), `${role} health --json`);
  }
  await roles.stop("orchestrator");
  assertPlainText(roles.output, "what the orchestrator has written");
});

Deno.test("what an orchestrator answers comes out of the command line as text", async () => {
  await using temp = await TempFolder.make();
  await using roles = await RoleProcesses.in(temp.path);
  const secret = await roles.makeSecret();
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
  const submit = ["submit", "--text", "a"];
  await assertCommandsPlain(roles, [...everyCommand("t1"), submit, [...submit, "--wait"]]);
  await assertTerminalPlain(roles, ["t1"]);
  const [progress] = await onTerminal(roles.site, [[...submit, "--wait"]]);
  assertPlainText(progress, "progress on a terminal");
});
