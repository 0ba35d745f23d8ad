import { assertEquals, assertThrows } from "@std/assert";
import { MemoryDraft } from "../../../agents/runtime/draft.ts";
import { OwnState } from "../../../agents/runtime/own_state.ts";
import { CodedError } from "../../../lib/errors.ts";
import type { Json } from "../../../lib/json.ts";
import { FaultyDisk, systemError } from "../../lib/disk/faulty_disk.ts";
import { openMemory } from "../../lib/disk/memories.ts";
import { TempFolder } from "../../harness/temp_folder.ts";

Deno.test("MemoryDraft reads its own changes over the memory, which stays as it is", async () => {
  await using folder = await TempFolder.make();
  await using memory = await openMemory(folder.path);
  await memory.commit(new Map([["state/a", 1], ["state/b", 2], ["request/x", 0]]));
  const state = new OwnState(memory);
  const draft = new MemoryDraft(state);
  draft.set("a", 10);
  draft.delete("b");
  draft.set("__proto__", { c: 3 });
  assertEquals(await draft.get("a"), 10);
  assertEquals(await draft.get("b"), undefined);
  assertEquals(await draft.get("__proto__"), { c: 3 });
  assertEquals(await draft.get("constructor"), undefined);
  assertEquals(await draft.get("../request/x"), undefined);
  assertEquals([memory.get("state/a"), memory.get("state/b"), memory.size], [1, 2, 3]);
  assertEquals([...state.toCommit(draft.changes)], [
    ["state/a", 10],
    ["state/b", undefined],
    ["state/__proto__", { c: 3 }],
  ]);
});

Deno.test("MemoryDraft.keys() gives the keys with a prefix as they stand in the draft, in order", async () => {
  await using folder = await TempFolder.make();
  await using memory = await openMemory(folder.path);
  await memory.commit(new Map([["state/p/2", 2], ["state/p/3", 3], ["state/q", 0], ["p/9", 9]]));
  const state = new OwnState(memory);
  const draft = new MemoryDraft(state);
  draft.delete("p/3");
  draft.set("p/1", 1);
  draft.set("p/4", 4);
  draft.delete("p/4");
  assertEquals(await draft.keys("p/"), ["p/1", "p/2"]);
  assertEquals(await draft.keys(""), ["p/1", "p/2", "q"]);
  assertEquals(await draft.keys("none"), []);
});

Deno.test("OwnState gives values that can't be changed in place, nor after they were taken", async () => {
  await using folder = await TempFolder.make();
  await using memory = await openMemory(folder.path);
  await memory.commit(new Map<string, Json>([["state/a", { list: [{ n: 1 }] }]]));
  const state = new OwnState(memory);
  const draft = new MemoryDraft(state);
  const read = await draft.get("a") as { list: { n: number }[] };
  assertThrows(() => read.list.push({ n: 2 }), TypeError);
  assertThrows(() => read.list[0].n = 2, TypeError);
  assertEquals(memory.get("state/a"), { list: [{ n: 1 }] });

  const own: { list: number[] } = { list: [1] };
  draft.set("own", own);
  own.list.push(2);
  state.toCommit(draft.changes);
  assertThrows(() => own.list.push(3), TypeError);
});

Deno.test("OwnState.toCommit() refuses where what was read may have been taken back", async () => {
  await using folder = await TempFolder.make();
  using disk = new FaultyDisk();
  await using memory = await openMemory(folder.path);
  disk.fault = ({ op }) => {
    if (op === "write") throw systemError("ENOSPC");
  };
  const commit = memory.commit(new Map([["state/a", 1]]));
  const state = new OwnState(memory);
  const draft = new MemoryDraft(state);
  assertEquals(await draft.get("a"), 1);
  await commit.catch(() => {});
  const error = assertThrows(() => state.toCommit(draft.changes), CodedError);
  assertEquals([error.code, error.maybeDone], ["storage_full", false]);
  disk.fault = () => {};
  new OwnState(memory).toCommit([]);
});
