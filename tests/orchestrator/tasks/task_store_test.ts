import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CodedError } from "../../../lib/errors.ts";
import { estimateBytes } from "../../../lib/json_size.ts";
import { SYSTEM } from "../../../lib/system.ts";
import type { Task } from "../../../orchestrator/tasks/task.ts";
import { TaskStore } from "../../../orchestrator/tasks/task_store.ts";
import { FaultyDisk, systemError } from "../../lib/disk/faulty_disk.ts";
import { openMemory } from "../../lib/disk/memories.ts";
import { TempFolder } from "../../harness/temp_folder.ts";
import { newTask } from "../task_harness.ts";

const SUBMITTED = { kind: "submitted" } as const;

function taskOf(task: string): Task {
  const { pipeline, label, key, digest, deadlineMs: deadline_ms } = newTask({ key: `key ${task}` });
  return {
    ...{ task, pipeline, label, key, digest, deadline_ms, state: "queued", stage: null },
    ...{ failed_attempts: 0, pages: 0, submitted_at: "", started_at: null, ended_at: null },
    ...{ spent_ms: 0, events: 0, error: null, headline: null },
  };
}

Deno.test("keys() lists a task's entries by group, whatever their names are, also after a restart", async () => {
  await using folder = await TempFolder.make();
  const entries = {
    ...{ input: 1, "page/0": 2, "output/of/t2/input": 3, "output/page/1": 4, "part/a/b/0": 5 },
    ...{ "affinity/t1.event/1": 6, "output/": 7, last_page: 8 },
  };
  {
    await using memory = await openMemory(folder.path);
    const store = new TaskStore(memory, SYSTEM.clock);
    for (const id of ["t1", "t10"]) await store.create(taskOf(id), SUBMITTED, entries);
    await store.write("t1", {}, undefined, { "page/0": undefined, "page/1": 9 });
  }
  await using memory = await openMemory(folder.path);
  const store = new TaskStore(memory, SYSTEM.clock);
  assertEquals([...store.tasks()].map(({ task }) => task), ["t1", "t10"]);
  assertEquals(store.keys("t10", "work").sort(), Object.keys(entries).sort());
  assertEquals(store.keys("t10", "events"), ["event/1"]);
  assertEquals(store.keys("t1", "parts"), ["part/a/b/0"]);
  assertEquals(store.keys("t1", "pages").sort(), ["last_page", "page/1", "part/a/b/0"]);
  const outputs = ["output/", "output/of/t2/input", "output/page/1", "part/a/b/0"];
  assertEquals(store.keys("t1", "outputs").sort(), outputs);
  assertEquals([store.entry("t1", "page/1"), store.entry("t1", "output/of/t2/input")], [9, 3]);
});

Deno.test("bytes() counts the entries of a group, and no others", async () => {
  await using folder = await TempFolder.make();
  await using memory = await openMemory(folder.path);
  const store = new TaskStore(memory, SYSTEM.clock);
  const [input, output] = [{ text: "x".repeat(100) }, { text: "x".repeat(1_000) }];
  await store.create(taskOf("t1"), SUBMITTED, { input, "output/merge": output });
  assertEquals(store.bytes("t1", "outputs"), estimateBytes(output));
  assertEquals(store.bytes("t1", "work"), estimateBytes(input) + estimateBytes(output));
  assertEquals(store.bytes("t1", "parts"), 0);
});

Deno.test("write() that fails leaves the keys as they are on disk", async () => {
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
  assertEquals([store.keys("t1", "work"), store.keys("t1", "events")], [["input"], ["event/1"]]);
});

Deno.test("write() and note() throw at once if the task can't go to that state, and change nothing", async () => {
  await using folder = await TempFolder.make();
  await using memory = await openMemory(folder.path);
  const store = new TaskStore(memory, SYSTEM.clock);
  await store.create(taskOf("t1"), SUBMITTED, {});
  for (const method of ["note", "write"] as const) {
    assertThrows(() => store[method]("t1", { state: "done" }), TypeError, "from queued to done");
  }
  assertEquals([store.latest("t1").state, store.get("t1")!.state], ["queued", "queued"]);
});

Deno.test("drop() removes all entries of a task, and none of another task", async () => {
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
