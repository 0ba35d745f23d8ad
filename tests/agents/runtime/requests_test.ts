import { assertEquals, assertRejects } from "@std/assert";
import { Requests, type RetentionBounds } from "../../../agents/runtime/requests.ts";
import { CodedError } from "../../../lib/errors.ts";
import type { Memory } from "../../../lib/disk/memory.ts";
import { FaultyDisk, systemError } from "../../lib/disk/faulty_disk.ts";
import { openMemory } from "../../lib/disk/memories.ts";
import { TempFolder } from "../../harness/temp_folder.ts";

const WIDE: RetentionBounds = { requests: 1_000, bytes: 1_000_000, ageMs: 3_600_000 };
const OUTCOME = { ms: 1, bytesOut: 2 };

async function finish(requests: Requests, id: string, text = ""): Promise<void> {
  const entry = requests.begin(id, "greet", `digest of ${id}`, 12);
  await requests.finish(id, entry, new Map(), { ...OUTCOME, answer: { reply: { text } } });
}

function storedIds(memory: Memory): string[] {
  return [...memory.entries("request/")].map(([key]) => key.slice("request/".length)).sort();
}

Deno.test("Requests.finish() commits the answer and the changes in one record", async () => {
  await using folder = await TempFolder.make();
  await using memory = await openMemory(folder.path);
  const requests = new Requests(memory, { bounds: WIDE });
  const before = (await Deno.readTextFile((await folder.segments())[0])).split("\n").length;
  const entry = requests.begin("a", "greet", "digest", 12);
  assertEquals(requests.answered("a"), undefined, "it still runs");
  const answer = { reply: { text: "hello" } };
  await requests.finish("a", entry, new Map([["state/n", 1]]), { ...OUTCOME, answer });
  const lines = (await Deno.readTextFile((await folder.segments())[0])).split("\n");
  assertEquals(lines.length - before, 2, "a record that it runs, and a record that it is done");
  assertEquals(JSON.parse(lines.at(-2)!).rec.map(([key]: [string]) => key), [
    "state/n",
    "request/a",
  ]);
  assertEquals(requests.answered("a"), { ...entry, state: "done", ms: 1, bytes_out: 2, ...answer });
  assertEquals(memory.get("state/n"), 1);
});

Deno.test("Requests.fail() stores the error code, and the request counts as unanswered", async () => {
  await using folder = await TempFolder.make();
  await using memory = await openMemory(folder.path);
  const requests = new Requests(memory, { bounds: WIDE });
  const errors = {
    "not_found": new CodedError("not_found", "x"),
    "handler_failed": new Error("y"),
  };
  for (const [code, error] of Object.entries(errors)) {
    requests.fail(code, requests.begin(code, "greet", "digest", 12), 5, error);
    assertEquals(requests.answered(code), undefined);
    const { state, error: storedCode, ms } = memory.get(`request/${code}`) as Record<
      string,
      unknown
    >;
    assertEquals([state, storedCode, ms], ["failed", code, 5]);
  }
});

Deno.test("Requests forgets the oldest entries when there are too many", async () => {
  await using folder = await TempFolder.make();
  await using memory = await openMemory(folder.path);
  const requests = new Requests(memory, { bounds: { ...WIDE, requests: 3 } });
  for (const id of ["a", "b", "c", "d", "e"]) await finish(requests, id);
  assertEquals(storedIds(memory), ["c", "d", "e"]);
  assertEquals([requests.answered("b"), requests.answered("c")?.reply], [undefined, { text: "" }]);
});

Deno.test("Requests forgets the oldest entries when all together are too large, but never the new one", async () => {
  await using folder = await TempFolder.make();
  await using memory = await openMemory(folder.path);
  const requests = new Requests(memory, { bounds: { ...WIDE, bytes: 2_200 } });
  for (const id of ["a", "b", "c", "d"]) await finish(requests, id, "x".repeat(500));
  assertEquals(storedIds(memory), ["c", "d"]);
  await finish(requests, "large", "x".repeat(10_000));
  assertEquals(storedIds(memory), ["large"]);
  await finish(requests, "small");
  assertEquals(storedIds(memory), ["small"]);
});

Deno.test("Requests forgets entries that are too old", async () => {
  await using folder = await TempFolder.make();
  await using memory = await openMemory(folder.path);
  const entry = (hours: number) => ({
    op: "greet",
    digest: "x",
    received_at: new Date(Date.now() - hours * 3_600_000).toISOString(),
    state: "done",
    bytes_in: 1,
    reply: {},
  });
  await memory.commit(new Map([["request/young", entry(1)], ["request/old", entry(3)]]));
  const requests = new Requests(memory, { bounds: { ...WIDE, ageMs: 2 * 3_600_000 } });
  await finish(requests, "new");
  assertEquals(storedIds(memory), ["new", "young"]);
});

Deno.test("Requests counts the entries of an earlier process, oldest first", async () => {
  await using folder = await TempFolder.make();
  {
    await using memory = await openMemory(folder.path);
    const requests = new Requests(memory, { bounds: WIDE });
    for (const id of ["a", "b", "c"]) await finish(requests, id);
  }
  await using memory = await openMemory(folder.path);
  const requests = new Requests(memory, { bounds: { ...WIDE, requests: 3 } });
  assertEquals(requests.answered("a")?.reply, { text: "" });
  await finish(requests, "d");
  assertEquals(storedIds(memory), ["b", "c", "d"]);
});

Deno.test("Requests stays within its bounds when the disk is full for a while", async () => {
  await using folder = await TempFolder.make();
  using disk = new FaultyDisk();
  await using memory = await openMemory(folder.path);
  const requests = new Requests(memory, { bounds: { ...WIDE, requests: 3 } });
  for (const id of ["a", "b", "c"]) await finish(requests, id);
  disk.fault = ({ op }) => {
    if (op === "write") throw systemError("ENOSPC");
  };
  for (const id of ["lost 1", "lost 2", "lost 3"]) {
    await assertRejects(() => finish(requests, id), CodedError);
  }
  assertEquals(
    storedIds(memory),
    ["a", "b", "c"],
    "the entries that were forgotten for them are back",
  );
  disk.fault = () => {};
  await finish(requests, "d");
  await finish(requests, "e");
  assertEquals(storedIds(memory), ["c", "d", "e"]);
});
