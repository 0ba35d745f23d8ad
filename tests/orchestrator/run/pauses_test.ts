import { assertEquals, assertRejects } from "@std/assert";
import { CodedError } from "../../../lib/errors.ts";
import { SYSTEM } from "../../../lib/system.ts";
import { Pauses } from "../../../orchestrator/run/pauses.ts";
import { TempFolder } from "../../harness/temp_folder.ts";
import { fullDisk, openLog } from "../task_harness.ts";

Deno.test("Pauses keeps a pause and when it began, also over a restart, until it is resumed", async () => {
  await using folder = await TempFolder.make();
  let time = Date.parse("2026-11-02T09:00:00.000Z");
  const clock = { ...SYSTEM.clock, date: () => new Date(time++) };
  const since = new Date(time).toISOString();
  {
    await using open = await openLog(folder.path);
    const pauses = new Pauses(open.memory, clock);
    assertEquals(pauses.since("agent", "analyzer"), null);
    await pauses.pause("agent", "analyzer");
    await pauses.pause("agent", "analyzer");
    assertEquals(pauses.since("agent", "analyzer"), since);
    assertEquals(pauses.since("pipeline", "analyzer"), null);
    assertEquals(pauses.since("agent", "collector"), null);
  }
  {
    await using open = await openLog(folder.path);
    const pauses = new Pauses(open.memory, clock);
    assertEquals(pauses.since("agent", "analyzer"), since);
    await pauses.resume("agent", "analyzer");
    await pauses.resume("agent", "analyzer");
    assertEquals(pauses.since("agent", "analyzer"), null);
  }
  await using open = await openLog(folder.path);
  assertEquals(new Pauses(open.memory).since("agent", "analyzer"), null);
});

Deno.test("pause() and resume() change nothing if the disk does not take them", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const pauses = new Pauses(open.memory);
  await pauses.pause("agent", "reporter");
  {
    using _ = fullDisk();
    for (const change of [pauses.pause("pipeline", "report"), pauses.resume("agent", "reporter")]) {
      assertEquals((await assertRejects(() => change, CodedError)).code, "storage_full");
    }
  }
  assertEquals(pauses.since("pipeline", "report"), null);
  assertEquals(pauses.since("agent", "reporter") === null, false);
});
