import { assert, assertEquals } from "@std/assert";
import { sha256 } from "../../lib/digest.ts";
import { CodedError } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import { watchInbox } from "../../orchestrator/inbox.ts";
import { openDesk } from "../agents/collector/collector_harness.ts";
import { type Logged, recordLog } from "../harness/recorded_log.ts";
import { until, within } from "../harness/waiting.ts";

/** More files than one answer of the collector names. */
const MANY = 1_100;

type Found = { path: string; stream: string; bytes: number; modified: number };

/** An inbox and its tasks as a test says. */
class Desk implements AsyncDisposable {
  files: Found[] = [];
  /** Takes the place of a scan's answer. */
  answer: (() => Promise<JsonObject>) | undefined;
  refuse: CodedError | undefined;
  /** Refused for good, by path. */
  readonly refused = new Set<string>();
  /** How a task stands when it is submitted. */
  state = "queued";
  scans = 0;
  readonly submitted: JsonObject[] = [];
  readonly tasks = new Map<string, JsonObject>();
  readonly logged: Logged[];
  readonly #aborter = new AbortController();
  readonly watched: Promise<void>;

  constructor(everyMs = 0) {
    const { log, logged } = recordLog();
    this.logged = logged;
    this.watched = watchInbox({
      scan: () => {
        this.scans++;
        return this.answer?.() ?? Promise.resolve({ files: structuredClone(this.files) });
      },
      submit: (body) => Promise.resolve(this.#submit(body)),
      get: (task) => this.tasks.get(task),
      everyMs,
      log,
      signal: this.#aborter.signal,
    });
  }

  /** Files that became tasks, in order. */
  get paths(): unknown[] {
    return [...this.tasks.values()].map(({ label }) => label);
  }

  end(path: string, state = "done"): void {
    const [task, found] = [...this.tasks].findLast(([, { label }]) => label === path)!;
    this.tasks.set(task, { ...found, state });
    if (state === "done") this.files = this.files.filter((file) => file.path !== path);
  }

  /** Resolves after the next whole scan. */
  async scanned(): Promise<void> {
    const seen = this.scans + 2;
    await until(() => this.scans >= seen, "the inbox is scanned");
  }

  stop(): void {
    this.#aborter.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await within(this.watched, "the watcher's end");
  }

  #submit(body: JsonObject): JsonObject {
    if (this.refuse !== undefined) throw this.refuse;
    this.submitted.push(body);
    const known = [...this.tasks.values()].find(({ key }) => key === body.key);
    if (known !== undefined && JSON.stringify(known.input) !== JSON.stringify(body.input)) {
      throw new CodedError("conflict", "Cannot use this key");
    }
    if (this.refused.has(body.label as string)) throw new CodedError("invalid_input", "No");
    if (known !== undefined) return { ...known, created: false };
    const task = { ...body, task: `t${this.tasks.size}`, state: this.state };
    this.tasks.set(task.task, task);
    return { ...task, created: true };
  }
}

function keyOf(path: string, bytes = 10, modified = 1): string {
  return `inbox ${bytes} ${modified} ${sha256(path)}`;
}

function file(path: string, stream: string, bytes = 10, modified = 1): Found {
  return { path, stream, bytes, modified };
}

Deno.test("watchInbox() submits a new file once, with the file as its source", async () => {
  await using desk = new Desk();
  desk.files = [file("shop.log", "shop", 120, 5.4)];
  await desk.scanned();
  await desk.scanned();
  assertEquals([...desk.tasks.values()].map(({ input, label, key }) => [input, label, key]), [
    [{ sources: [{ file: "shop.log" }], only_new: true }, "shop.log", keyOf("shop.log", 120, 5)],
  ]);
  const told = desk.logged.filter(({ event }) => event === "inbox_file");
  assertEquals(told.map(({ fields }) => fields), [{ path: "shop.log", task: "t0" }]);
});

Deno.test("watchInbox() takes the files of a stream in turn, and streams side by side", async () => {
  await using desk = new Desk();
  desk.files = [file("shop-1", "shop"), file("shop-2", "shop"), file("web-1", "web")];
  await desk.scanned();
  assertEquals(desk.paths, ["shop-1", "web-1"]);
  desk.end("web-1");
  await desk.scanned();
  assertEquals(desk.paths, ["shop-1", "web-1"]);
  desk.end("shop-1");
  await desk.scanned();
  assertEquals(desk.paths, ["shop-1", "web-1", "shop-2"]);
});

Deno.test("watchInbox() passes over a file whose task is dead or cancelled", async () => {
  await using desk = new Desk();
  desk.files = [file("shop-1", "shop"), file("shop-2", "shop"), file("shop-3", "shop")];
  await desk.scanned();
  desk.end("shop-1", "dead");
  await desk.scanned();
  assertEquals(desk.paths, ["shop-1", "shop-2"]);
  desk.end("shop-2", "cancelled");
  await desk.scanned();
  assertEquals(desk.paths, ["shop-1", "shop-2", "shop-3"]);
});

Deno.test("watchInbox() runs a file that has grown again", async () => {
  await using desk = new Desk();
  desk.files = [file("shop.log", "shop", 10, 1)];
  await desk.scanned();
  desk.end("shop.log");
  desk.files = [file("shop.log", "shop", 20, 2)];
  await desk.scanned();
  desk.end("shop.log");
  desk.files = [file("shop.log", "shop", 20, 3)];
  await desk.scanned();
  assertEquals([...desk.tasks.values()].map(({ key }) => key), [
    ...[keyOf("shop.log", 10, 1), keyOf("shop.log", 20, 2), keyOf("shop.log", 20, 3)],
  ]);
});

Deno.test("watchInbox() runs a file that grows meanwhile when its task has ended", async () => {
  await using desk = new Desk();
  desk.files = [file("shop.log", "shop", 10)];
  await desk.scanned();
  desk.files = [file("shop.log", "shop", 20)];
  await desk.scanned();
  assertEquals(desk.tasks.size, 1);
  desk.tasks.set("t0", { ...desk.tasks.get("t0"), state: "done" });
  await desk.scanned();
  assertEquals(desk.tasks.size, 2);
});

Deno.test("watchInbox() keeps keys and labels within what a task may have", async () => {
  await using desk = new Desk();
  const path = "é/".repeat(400) + "shop.log";
  desk.files = [file(path, "shop", Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)];
  await desk.scanned();
  const [{ key, label, input }] = desk.submitted;
  assert(String(key).length <= 256 && String(label).length <= 200);
  assertEquals(input, { sources: [{ file: path }], only_new: true });
});

Deno.test("watchInbox() knows after a restart which file of a stream is under way", async () => {
  await using desk = new Desk();
  const input = { sources: [{ file: "shop-1" }], only_new: true };
  const task = { task: "t0", key: keyOf("shop-1"), label: "shop-1", input, state: "running" };
  desk.tasks.set("t0", task);
  desk.files = [file("shop-1", "shop"), file("shop-2", "shop")];
  await desk.scanned();
  assertEquals(desk.paths, ["shop-1"]);
  assertEquals(desk.logged, []);
});

Deno.test("watchInbox() tells files apart that differ in the beginning of a long path alone", async () => {
  await using desk = new Desk();
  const paths = ["x/", "y/", ""].map((folder) => folder + "n".repeat(200));
  desk.files = [...paths.map((path) => file(path, path)), file("shop.log", "shop")];
  await desk.scanned();
  assertEquals([...desk.tasks.values()].map(({ input }) => input), [
    ...[...paths, "shop.log"].map((path) => ({ sources: [{ file: path }], only_new: true })),
  ]);
});

Deno.test("watchInbox() says what is wrong with a file once for each state, and goes on", async () => {
  await using desk = new Desk();
  desk.refused.add("shop-1");
  desk.files = [file("shop-1", "shop"), file("shop-2", "shop"), file("web", "web")];
  await desk.scanned();
  await desk.scanned();
  assertEquals(desk.paths, ["shop-2", "web"]);
  const refusals = () => desk.logged.filter(({ event }) => event === "inbox_file_refused");
  assertEquals(refusals().map(({ level, fields }) => [level, fields]), [
    ["warn", { path: "shop-1", code: "invalid_input", reason: "No" }],
  ]);
  assertEquals(desk.logged.some(({ event }) => event === "inbox_scan_failed"), false);
  desk.end("shop-2");
  desk.files = [file("shop-1", "shop", 20)];
  await until(() => refusals().length === 2, "it has grown, and is refused anew");
  await desk.scanned();
  assertEquals(refusals().length, 2);
});

Deno.test("watchInbox() says once that a folder is left out", async () => {
  await using desk = new Desk();
  desk.answer = () => Promise.resolve({ files: desk.files, too_deep: ["a/b", "a/c"] });
  desk.files = [file("shop.log", "shop")];
  await desk.scanned();
  await desk.scanned();
  const told = desk.logged.filter(({ event }) => event === "inbox_folder_skipped");
  assertEquals(told.map(({ fields }) => fields.folder), ["a/b", "a/c"]);
  assertEquals(desk.paths, ["shop.log"]);
});

Deno.test("watchInbox() knows ten thousand things that it has said, then begins anew", async () => {
  await using desk = new Desk();
  const files = Array.from({ length: 10_000 }, (_, n) => file(`${n}`, `${n}`));
  for (const { path } of files) desk.refused.add(path);
  const part = (n: number): Found[] => files.slice(n * 1_000, (n + 1) * 1_000);
  desk.answer = () => Promise.resolve({ files: part(desk.scans % 10) });
  const named = desk.scans + 20;
  await until(() => desk.scans >= named, "all were named twice");
  assertEquals(desk.logged.length, 10_000);
  desk.refused.add("one more");
  files[0] = file("one more", "one more");
  const again = desk.scans + 21;
  await until(() => desk.scans >= again, "they are named twice again, with one more");
  assert(desk.logged.length >= 20_000, `${desk.logged.length} lines`);
});

Deno.test("watchInbox() comes to a new file behind many that never get done", async () => {
  await using inbox = await openDesk();
  for (let at = 0; at < MANY; at++) await inbox.write(`old/${at}.log`, "x\n");
  inbox.written += 1000;
  await inbox.write("z.log", "new\n");
  await using desk = new Desk();
  desk.state = "dead";
  desk.answer = () => inbox.scan() as Promise<unknown> as Promise<JsonObject>;
  await until(() => desk.paths.includes("z.log"), "the new file is submitted");
});

Deno.test("watchInbox() has 500 streams under way, and takes up another as one ends", async () => {
  await using desk = new Desk();
  desk.files = Array.from({ length: 502 }, (_, n) => file(`${n}.log`, `${n}`));
  await desk.scanned();
  await desk.scanned();
  assertEquals(desk.tasks.size, 500);
  desk.end("7.log");
  await desk.scanned();
  assertEquals(desk.paths.slice(500), ["500.log"]);
});

Deno.test("watchInbox() logs a scan that fails once, and scans again", async () => {
  await using desk = new Desk();
  let mended = false;
  desk.files = [file("shop.log", "shop")];
  desk.answer = async () => {
    if (!mended) throw new CodedError("agent_unreachable", "Cannot reach any collector");
    return await Promise.resolve({ files: desk.files });
  };
  const before = desk.scans;
  await until(() => desk.scans === before + 2, "it has failed and is tried again");
  mended = true;
  await until(() => desk.tasks.size === 1, "the file is submitted");
  const warned = desk.logged.filter(({ level }) => level === "warn");
  assertEquals(warned.map(({ event, fields }) => [event, fields.code]), [
    ["inbox_scan_failed", "agent_unreachable"],
  ]);
  mended = false;
  const warnedAgain = () => desk.logged.filter(({ level }) => level === "warn").length === 2;
  await until(warnedAgain, "it is logged that it fails again");
});

Deno.test("watchInbox() survives an answer that is no list of files", async () => {
  await using desk = new Desk();
  desk.answer = () => Promise.resolve({ files: [{ ...file("shop.log", "shop"), path: 7 }] });
  await until(() => desk.logged.length > 0, "it is logged");
  assertEquals(desk.logged[0].fields.code, "invalid_input");
  desk.stop();
  await within(desk.watched, "the end, and no rejection");
});

Deno.test("watchInbox() takes nothing of an answer that is more than a collector gives", async () => {
  const file = { path: "a.log", stream: "a", bytes: 1, modified: 1 };
  const long = "x".repeat(4_097);
  const answers: JsonObject[] = [
    { files: Array.from({ length: 1_001 }, () => file) },
    { files: [{ ...file, path: long }] },
    { files: [{ ...file, stream: long }] },
    { files: [file], too_deep: [long] },
    { files: [file], too_deep: Array.from({ length: 11 }, (_, n) => `${n}`) },
  ];
  for (const answer of answers) {
    await using desk = new Desk();
    desk.answer = () => Promise.resolve(answer);
    await until(() => desk.logged.length > 0, "a line of the log");
    assertEquals(desk.logged.map(({ event }) => event), ["inbox_scan_failed"]);
    assertEquals(desk.paths, []);
  }
});

Deno.test("watchInbox() survives a queue that is full", async () => {
  await using desk = new Desk();
  desk.refuse = new CodedError("queue_full", "Cannot take a task");
  desk.files = [file("shop.log", "shop")];
  await until(() => desk.logged.length > 0, "it is logged");
  assertEquals(desk.logged[0].event, "inbox_scan_failed");
  desk.refuse = undefined;
  await until(() => desk.tasks.size === 1, "the file is submitted");
});

Deno.test("watchInbox() ends at once when it is stopped, in a wait and in a scan", async () => {
  {
    await using desk = new Desk(600_000);
    await until(() => desk.scans === 1, "it has scanned");
  }
  await using desk = new Desk();
  const never = Promise.withResolvers<JsonObject>();
  desk.answer = () => never.promise;
  const before = desk.scans + 1;
  await until(() => desk.scans === before, "it scans");
  desk.stop();
  await within(desk.watched, "the end");
  assertEquals(desk.scans, before);
  assertEquals(desk.logged, []);
});
