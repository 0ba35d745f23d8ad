import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CodedError } from "../../../lib/errors.ts";
import { SYSTEM } from "../../../lib/system.ts";
import type { Task } from "../../../orchestrator/tasks/task.ts";
import { TaskStore } from "../../../orchestrator/tasks/task_store.ts";
import { FaultyDisk, systemError } from "../../lib/disk/faulty_disk.ts";
import { openMemory } from "../../lib/disk/memories.ts";
import { TempFolder } from "../../harness/temp_folder.ts";
import { newTask } from "../task_harness.ts";

const ALL = /./;
const SUBMITTED = { kind: "submitted" } as const;

function taskOf(task: string): Task {
  const { pipeline, label, key, digest, deadlineMs: deadline_ms } = newTask({ key: `key ${task}` });
  return {
    ...{ task, pipeline, label, key, digest, deadline_ms, state: "queued", stage: null },
    ...{ failed_attempts: 0, pages: 0, submitted_at: "", started_at: null, ended_at: null },
    ...{ spent_ms: 0, events: 0, error: null, headline: null },
  };
}

Deno.test("names() and entry() give a task's own entries, whatever they are called, over restarts too", async () => {
  await using folder = await TempFolder.make();
  const own = { input: 1, "page/0": 2, "affinity/t1.collect.0/x": 3, "of/t2/input": 4 };
  {
    await using memory = await openMemory(folder.path);
    const store = new TaskStore(memory, SYSTEM.clock);
    for (const id of ["t1", "t10"]) await store.create(taskOf(id), SUBMITTED, own);
    await store.write("t1", {}, undefined, { "page/0": undefined, "page/1": 5 });
  }
  await using memory = await openMemory(folder.path);
  const store = new TaskStore(memory, SYSTEM.clock);
  assertEquals([...store.tasks()].map(({ task }) => task), ["t1", "t10"]);
  assertEquals(store.names("t10", ALL).sort(), [...Object.keys(own), "event/1"].sort());
  assertEquals(store.names("t1", /^page/), ["page/1"]);
  assertEquals([store.entry("t1", "page/1"), store.entry("t1", "of/t2/input")], [5, 4]);
});

Deno.test("write() that fails leaves the entries' names as they are on disk", async () => {
  await using folder = await TempFolder.make();
  await using memory = await openMemory(folder.path);
  const store = new TaskStore(memory, SYSTEM.clock);
  await store.create(taskOf("t1"), SUBMITTED, { input: 1 });
  {
    using disk = new FaultyDisk();
    disk.fault = ({ op }) => {
      if (op === "write") throw systemError("ENOSPC");
    };
    const failing = store.write("t1", { state: "running" }, { kind: "started" }, {
      input: undefined,
      "page/0": 1,
    });
    assertEquals([store.latest("t1").state, store.get("t1")!.state], ["running", "queued"]);
    await assertRejects(() => failing, CodedError, "No space left");
  }
  assertEquals(store.latest("t1"), store.get("t1"));
  assertEquals(store.names("t1", ALL).sort(), ["event/1", "input"]);
});

Deno.test("note() and write() throw a move that is none at their caller, and change nothing", async () => {
  await using folder = await TempFolder.make();
  await using memory = await openMemory(folder.path);
  const store = new TaskStore(memory, SYSTEM.clock);
  await store.create(taskOf("t1"), SUBMITTED, {});
  for (const move of ["note", "write"] as const) {
    assertThrows(() => store[move]("t1", { state: "done" }), TypeError, "from queued to done");
  }
  assertEquals([store.latest("t1").state, store.get("t1")!.state], ["queued", "queued"]);
});

Deno.test("drop() leaves nothing of a task, and all of the others", async () => {
  await using folder = await TempFolder.make();
  {
    await using memory = await openMemory(folder.path);
    const store = new TaskStore(memory, SYSTEM.clock);
    for (const id of ["t1", "t10"]) await store.create(taskOf(id), SUBMITTED, { "page/0": 1 });
    store.drop("t1");
    assertEquals([store.get("t1"), store.byKey("key t1")], [undefined, undefined]);
    assertEquals((await store.byKey("key t10"))?.task, "t10");
  }
  await using memory = await openMemory(folder.path);
  const keys = [...memory.entries("")].map(([key]) => key);
  assertEquals(keys.sort(), ["of/t10/event/1", "of/t10/page/0", "task/t10"]);
});
