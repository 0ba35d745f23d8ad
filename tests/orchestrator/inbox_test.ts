import { assert, assertEquals } from "@std/assert";
import { sha256 } from "../../lib/digest.ts";
import { CodedError } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import { watchInbox } from "../../orchestrator/inbox.ts";
import { SYSTEM } from "../../lib/system.ts";
import { openHarness } from "../agents/collector/collector_harness.ts";
import { type Logged, recordLog } from "../harness/recorded_log.ts";
import { until, within } from "../harness/waiting.ts";

/** More files than one reply of the collector names. */
const MANY = 1_100;
/** The wait after a scan that failed. The clock of these tests leaves it out. */
const FAILED_SCAN_MS = 2_000;

type InboxFile = { path: string; stream: string; bytes: number; modified: number };

/** Watches an inbox whose files, tasks and errors a test decides. */
class WatchedInbox implements AsyncDisposable {
  files: InboxFile[] = [];
  /** Replaces the reply to a scan. */
  reply: (() => Promise<JsonObject>) | undefined;
  /** Rejects every task. */
  error: CodedError | undefined;
  /** Paths of files that are rejected for good. */
  readonly rejected = new Set<string>();
  /** The state of a new task. */
  state = "queued";
  scans = 0;
  readonly submitted: JsonObject[] = [];
  readonly tasks = new Map<string, JsonObject>();
  /** The waits between scans, in milliseconds. */
  readonly waits: number[] = [];
  readonly logged: Logged[];
  readonly #aborter = new AbortController();
  readonly watched: Promise<void>;

  constructor(everyMs = 0) {
    const { log, logged } = recordLog();
    this.logged = logged;
    this.watched = watchInbox({
      scan: () => {
        this.scans++;
        return this.reply?.() ?? Promise.resolve({ files: structuredClone(this.files) });
      },
      submit: (body) => Promise.resolve(this.#submit(body)),
      get: (task) => this.tasks.get(task),
      everyMs,
      log,
      signal: this.#aborter.signal,
      clock: { ...SYSTEM.clock, after: (ms, callback) => this.#after(ms, callback) },
    });
  }

  /** Paths of the files that became tasks, in order. */
  get paths(): unknown[] {
    return [...this.tasks.values()].map(({ label }) => label);
  }

  /** Ends the latest task of a file. A file that is done is no longer reported. */
  end(path: string, state = "done"): void {
    const [id, task] = [...this.tasks].findLast(([, { label }]) => label === path)!;
    this.tasks.set(id, { ...task, state });
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
    await within(this.watched, "the end of the watch");
  }

  #after(ms: number, callback: () => void): () => void {
    this.waits.push(ms);
    return SYSTEM.clock.after(ms === FAILED_SCAN_MS ? 0 : ms, callback);
  }

  #submit(body: JsonObject): JsonObject {
    if (this.error !== undefined) throw this.error;
    this.submitted.push(body);
    const existing = [...this.tasks.values()].find(({ key }) => key === body.key);
    if (existing !== undefined && JSON.stringify(existing.input) !== JSON.stringify(body.input)) {
      throw new CodedError("conflict", "Cannot use this key");
    }
    if (this.rejected.has(body.label as string)) throw new CodedError("invalid_input", "No");
    if (existing !== undefined) return { ...existing, created: false };
    const task = { ...body, task: `t${this.tasks.size}`, state: this.state };
    this.tasks.set(task.task, task);
    return { ...task, created: true };
  }
}

function keyOf(path: string, bytes = 10, modified = 1): string {
  return `inbox ${bytes} ${modified} ${sha256(path)}`;
}

function file(path: string, stream: string, bytes = 10, modified = 1): InboxFile {
  return { path, stream, bytes, modified };
}

Deno.test("watchInbox() submits a new file once, with its path as the source", async () => {
  await using watch = new WatchedInbox();
  watch.files = [file("shop.log", "shop", 120, 5.4)];
  await watch.scanned();
  await watch.scanned();
  assertEquals([...watch.tasks.values()].map(({ input, label, key }) => [input, label, key]), [
    [{ sources: [{ file: "shop.log" }], only_new: true }, "shop.log", keyOf("shop.log", 120, 5)],
  ]);
  const logged = watch.logged.filter(({ event }) => event === "inbox_file");
  assertEquals(logged.map(({ fields }) => fields), [{ path: "shop.log", task: "t0" }]);
});

Deno.test("watchInbox() runs the files of one stream in turn, and streams side by side", async () => {
  await using watch = new WatchedInbox();
  watch.files = [file("shop-1", "shop"), file("shop-2", "shop"), file("web-1", "web")];
  await watch.scanned();
  assertEquals(watch.paths, ["shop-1", "web-1"]);
  watch.end("web-1");
  await watch.scanned();
  assertEquals(watch.paths, ["shop-1", "web-1"]);
  watch.end("shop-1");
  await watch.scanned();
  assertEquals(watch.paths, ["shop-1", "web-1", "shop-2"]);
});

Deno.test("watchInbox() skips a file whose task is dead or cancelled", async () => {
  await using watch = new WatchedInbox();
  watch.files = [file("shop-1", "shop"), file("shop-2", "shop"), file("shop-3", "shop")];
  await watch.scanned();
  watch.end("shop-1", "dead");
  await watch.scanned();
  assertEquals(watch.paths, ["shop-1", "shop-2"]);
  watch.end("shop-2", "cancelled");
  await watch.scanned();
  assertEquals(watch.paths, ["shop-1", "shop-2", "shop-3"]);
});

Deno.test("watchInbox() submits a file again after it has grown", async () => {
  await using watch = new WatchedInbox();
  watch.files = [file("shop.log", "shop", 10, 1)];
  await watch.scanned();
  watch.end("shop.log");
  watch.files = [file("shop.log", "shop", 20, 2)];
  await watch.scanned();
  watch.end("shop.log");
  watch.files = [file("shop.log", "shop", 20, 3)];
  await watch.scanned();
  assertEquals([...watch.tasks.values()].map(({ key }) => key), [
    ...[keyOf("shop.log", 10, 1), keyOf("shop.log", 20, 2), keyOf("shop.log", 20, 3)],
  ]);
});

Deno.test("watchInbox() submits a file that grows during its task once that task has ended", async () => {
  await using watch = new WatchedInbox();
  watch.files = [file("shop.log", "shop", 10)];
  await watch.scanned();
  watch.files = [file("shop.log", "shop", 20)];
  await watch.scanned();
  assertEquals(watch.tasks.size, 1);
  watch.tasks.set("t0", { ...watch.tasks.get("t0"), state: "done" });
  await watch.scanned();
  assertEquals(watch.tasks.size, 2);
});

Deno.test("watchInbox() keeps keys and labels within the bounds of submit", async () => {
  await using watch = new WatchedInbox();
  const path = "é/".repeat(400) + "shop.log";
  watch.files = [file(path, "shop", Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)];
  await watch.scanned();
  const [{ key, label, input }] = watch.submitted;
  assert(String(key).length <= 256 && String(label).length <= 200);
  assertEquals(input, { sources: [{ file: path }], only_new: true });
});

Deno.test("watchInbox() finds the unfinished task of a stream after a restart", async () => {
  await using watch = new WatchedInbox();
  const input = { sources: [{ file: "shop-1" }], only_new: true };
  const task = { task: "t0", key: keyOf("shop-1"), label: "shop-1", input, state: "running" };
  watch.tasks.set("t0", task);
  watch.files = [file("shop-1", "shop"), file("shop-2", "shop")];
  await watch.scanned();
  assertEquals(watch.paths, ["shop-1"]);
  assertEquals(watch.logged, []);
});

Deno.test("watchInbox() distinguishes long paths that differ in their beginning alone", async () => {
  await using watch = new WatchedInbox();
  const paths = ["x/", "y/", ""].map((folder) => folder + "n".repeat(200));
  watch.files = [...paths.map((path) => file(path, path)), file("shop.log", "shop")];
  await watch.scanned();
  assertEquals([...watch.tasks.values()].map(({ input }) => input), [
    ...[...paths, "shop.log"].map((path) => ({ sources: [{ file: path }], only_new: true })),
  ]);
});

Deno.test("watchInbox() logs a rejected file once for each version, and submits the others", async () => {
  await using watch = new WatchedInbox();
  watch.rejected.add("shop-1");
  watch.files = [file("shop-1", "shop"), file("shop-2", "shop"), file("web", "web")];
  await watch.scanned();
  await watch.scanned();
  assertEquals(watch.paths, ["shop-2", "web"]);
  const refusals = () => watch.logged.filter(({ event }) => event === "inbox_file_refused");
  assertEquals(refusals().map(({ level, fields }) => [level, fields]), [
    ["warn", { path: "shop-1", code: "invalid_input", reason: "No" }],
  ]);
  assertEquals(watch.logged.some(({ event }) => event === "inbox_scan_failed"), false);
  watch.end("shop-2");
  watch.files = [file("shop-1", "shop", 20)];
  await until(() => refusals().length === 2, "the file has grown and is rejected again");
  await watch.scanned();
  assertEquals(refusals().length, 2);
});

Deno.test("watchInbox() logs a skipped folder once", async () => {
  await using watch = new WatchedInbox();
  watch.reply = () => Promise.resolve({ files: watch.files, too_deep: ["a/b", "a/c"] });
  watch.files = [file("shop.log", "shop")];
  await watch.scanned();
  await watch.scanned();
  const logged = watch.logged.filter(({ event }) => event === "inbox_folder_skipped");
  assertEquals(logged.map(({ fields }) => fields.folder), ["a/b", "a/c"]);
  assertEquals(watch.paths, ["shop.log"]);
});

Deno.test("watchInbox() remembers 10,000 warnings, then forgets all of them", async () => {
  await using watch = new WatchedInbox();
  const files = Array.from({ length: 10_000 }, (_, n) => file(`${n}`, `${n}`));
  for (const { path } of files) watch.rejected.add(path);
  const part = (n: number): InboxFile[] => files.slice(n * 1_000, (n + 1) * 1_000);
  watch.reply = () => Promise.resolve({ files: part(watch.scans % 10) });
  const named = watch.scans + 20;
  await until(() => watch.scans >= named, "each file was reported twice");
  assertEquals(watch.logged.length, 10_000);
  watch.rejected.add("one more");
  files[0] = file("one more", "one more");
  const again = watch.scans + 21;
  await until(() => watch.scans >= again, "each file was reported twice again, with one more");
  assert(watch.logged.length >= 20_000, `${watch.logged.length} lines`);
});

Deno.test("watchInbox() submits a new file although 1,100 older files have failed", async () => {
  await using inbox = await openHarness();
  for (let at = 0; at < MANY; at++) await inbox.write(`old/${at}.log`, "x\n");
  inbox.written += 1000;
  await inbox.write("z.log", "new\n");
  await using watch = new WatchedInbox();
  watch.state = "dead";
  watch.reply = () => inbox.scan() as Promise<unknown> as Promise<JsonObject>;
  await until(() => watch.paths.includes("z.log"), "the new file is submitted");
});

Deno.test("watchInbox() runs 500 streams at once, and begins another when one ends", async () => {
  await using watch = new WatchedInbox();
  watch.files = Array.from({ length: 502 }, (_, n) => file(`${n}.log`, `${n}`));
  await watch.scanned();
  await watch.scanned();
  assertEquals(watch.tasks.size, 500);
  watch.end("7.log");
  await watch.scanned();
  assertEquals(watch.paths.slice(500), ["500.log"]);
});

Deno.test("watchInbox() logs failing scans once, and scans again", async () => {
  await using watch = new WatchedInbox();
  let isWell = false;
  watch.files = [file("shop.log", "shop")];
  watch.reply = async () => {
    if (!isWell) throw new CodedError("storage_full", "Cannot take new work");
    return await Promise.resolve({ files: watch.files });
  };
  const before = watch.scans;
  await until(() => watch.scans > before + 1, "the scan has failed and is repeated");
  assertEquals(watch.waits.at(-1), FAILED_SCAN_MS);
  isWell = true;
  await until(() => watch.tasks.size === 1, "the file is submitted");
  const warned = watch.logged.filter(({ level }) => level === "warn");
  assertEquals(warned.map(({ event, fields }) => [event, fields.code]), [
    ["inbox_scan_failed", "storage_full"],
  ]);
  isWell = false;
  const warnedAgain = () => watch.logged.filter(({ level }) => level === "warn").length === 2;
  await until(warnedAgain, "the next failure is logged");
});

Deno.test("watchInbox() leaves it to the link to log that the collector is unreachable", async () => {
  await using watch = new WatchedInbox();
  let isUp = false;
  watch.files = [file("shop.log", "shop")];
  watch.reply = async () => {
    if (!isUp) throw new CodedError("agent_unreachable", "Cannot reach any collector");
    return await Promise.resolve({ files: watch.files });
  };
  const before = watch.scans;
  await until(() => watch.scans > before + 1, "the scan has failed and is repeated");
  isUp = true;
  await until(() => watch.tasks.size === 1, "the file is submitted");
  assertEquals(watch.logged.filter(({ level }) => level === "warn"), []);
});

Deno.test("watchInbox() survives a reply that is no list of files", async () => {
  await using watch = new WatchedInbox();
  watch.reply = () => Promise.resolve({ files: [{ ...file("shop.log", "shop"), path: 7 }] });
  await until(() => watch.logged.length > 0, "the error is logged");
  assertEquals(watch.logged[0].fields.code, "invalid_input");
  watch.stop();
  await within(watch.watched, "the end of the watch");
});

Deno.test("watchInbox() uses nothing of a reply that is beyond a collector's bounds", async () => {
  const file = { path: "a.log", stream: "a", bytes: 1, modified: 1 };
  const long = "x".repeat(4_097);
  const replies: JsonObject[] = [
    { files: Array.from({ length: 1_001 }, () => file) },
    { files: [{ ...file, path: long }] },
    { files: [{ ...file, stream: long }] },
    { files: [file], too_deep: [long] },
    { files: [file], too_deep: Array.from({ length: 11 }, (_, n) => `${n}`) },
  ];
  for (const reply of replies) {
    await using watch = new WatchedInbox();
    watch.reply = () => Promise.resolve(reply);
    await until(() => watch.logged.length > 0, "a line of the log");
    assertEquals(watch.logged.map(({ event }) => event), ["inbox_scan_failed"]);
    assertEquals(watch.paths, []);
  }
});

Deno.test("watchInbox() submits a file once the queue is no longer full", async () => {
  await using watch = new WatchedInbox();
  watch.error = new CodedError("queue_full", "Cannot take a task");
  watch.files = [file("shop.log", "shop")];
  await until(() => watch.logged.length > 0, "the error is logged");
  assertEquals(watch.logged[0].event, "inbox_scan_failed");
  watch.error = undefined;
  await until(() => watch.tasks.size === 1, "the file is submitted");
});

Deno.test("watchInbox() ends at once when it is stopped, between scans and in a scan", async () => {
  {
    await using watch = new WatchedInbox(600_000);
    await until(() => watch.scans === 1, "the inbox is scanned");
  }
  await using watch = new WatchedInbox();
  const never = Promise.withResolvers<JsonObject>();
  watch.reply = () => never.promise;
  const before = watch.scans + 1;
  await until(() => watch.scans === before, "a scan begins");
  watch.stop();
  await within(watch.watched, "the end of the watch");
  assertEquals(watch.scans, before);
  assertEquals(watch.logged, []);
});
