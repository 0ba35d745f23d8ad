import { assertEquals } from "@std/assert";
import { MemoryDraft } from "../../../agents/runtime/draft.ts";
import { OwnState } from "../../../agents/runtime/own_state.ts";
import { openMemory } from "../../lib/disk/memories.ts";
import { TempFolder } from "../../harness/temp_folder.ts";

Deno.test("MemoryDraft.get() reads the draft's changes over the memory, which stays as it is", async () => {
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

Deno.test("MemoryDraft.keys() returns the draft's keys with a prefix, in order", async () => {
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
