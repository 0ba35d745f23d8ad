import { assertEquals, assertThrows } from "@std/assert";
import { MemoryDraft } from "../../../agents/runtime/draft.ts";
import { OwnState } from "../../../agents/runtime/own_state.ts";
import { CodedError } from "../../../lib/errors.ts";
import type { Json } from "../../../lib/json.ts";
import { FaultyDisk, systemError } from "../../lib/disk/faulty_disk.ts";
import { openMemory } from "../../lib/disk/memories.ts";
import { TempFolder } from "../../harness/temp_folder.ts";

Deno.test("OwnState freezes the values that it returns and the values that it takes", async () => {
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

Deno.test("OwnState.toCommit() refuses after a rollback of what may have been read", async () => {
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
