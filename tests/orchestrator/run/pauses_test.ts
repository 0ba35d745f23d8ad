import { assertEquals, assertRejects } from "@std/assert";
import { CodedError } from "../../../lib/errors.ts";
import { Link } from "../../../lib/client/link.ts";
import { importSecret } from "../../../lib/wire/auth.ts";
import { Agents } from "../../../orchestrator/run/agents.ts";
import { Pauses } from "../../../orchestrator/run/pauses.ts";
import { FaultyDisk, systemError } from "../../lib/disk/faulty_disk.ts";
import { quiet } from "../../harness/recorded_log.ts";
import { SECRET } from "../../harness/secrets.ts";
import { TempFolder } from "../../harness/temp_folder.ts";
import { serve } from "../../harness/test_server.ts";
import { openLog } from "../task_harness.ts";

Deno.test("Pauses holds a pause from its first moment, over a reopening, until it is resumed", async () => {
  await using folder = await TempFolder.make();
  let since: string | null;
  {
    await using open = await openLog(folder.path);
    const pauses = new Pauses(open.memory);
    assertEquals(pauses.since("agent", "analyzer"), null);
    await pauses.pause("agent", "analyzer");
    since = pauses.since("agent", "analyzer");
    assertEquals(new Date(since!).toISOString(), since);
    await new Promise((resolve) => setTimeout(resolve, 2)); // or the instant would be the same anyway
    await pauses.pause("agent", "analyzer");
    assertEquals(pauses.since("agent", "analyzer"), since);
    assertEquals(pauses.since("pipeline", "analyzer"), null);
    assertEquals(pauses.since("agent", "collector"), null);
  }
  {
    await using open = await openLog(folder.path);
    const pauses = new Pauses(open.memory);
    assertEquals(pauses.since("agent", "analyzer"), since);
    await pauses.resume("agent", "analyzer");
    await pauses.resume("agent", "analyzer");
    assertEquals(pauses.since("agent", "analyzer"), null);
  }
  await using open = await openLog(folder.path);
  assertEquals(new Pauses(open.memory).since("agent", "analyzer"), null);
});

Deno.test("pause() and resume() that the disk does not take change nothing", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const pauses = new Pauses(open.memory);
  await pauses.pause("agent", "reporter");
  {
    using disk = new FaultyDisk();
    disk.fault = ({ op }) => {
      if (op === "write") throw systemError("ENOSPC");
    };
    for (const change of [pauses.pause("pipeline", "report"), pauses.resume("agent", "reporter")]) {
      assertEquals((await assertRejects(() => change, CodedError)).code, "storage_full");
    }
  }
  assertEquals(pauses.since("pipeline", "report"), null);
  assertEquals(pauses.since("agent", "reporter") === null, false);
});

Deno.test("Agents asks an agent that is paused nothing, and says so", async () => {
  await using folder = await TempFolder.make();
  await using open = await openLog(folder.path);
  const pauses = new Pauses(open.memory);
  await using server = await serve();
  const secret = await importSecret(SECRET);
  const link = new Link({ role: "echo", addresses: [server.address], secret, log: quiet });
  await using agents = new Agents([link], pauses);
  assertEquals([agents.has("echo"), agents.has("analyzer")], [true, false]);
  assertEquals(await agents.ask("echo", "say", { a: 1 }, { id: "a", timeoutMs: 5_000 }), { a: 1 });
  assertEquals(agents.states()[0].paused, null);
  await pauses.pause("agent", "echo");
  const refused = await assertRejects(
    () => agents.ask("echo", "say", {}, { id: "b", timeoutMs: 5_000 }),
    CodedError,
  );
  assertEquals(refused.code, "paused");
  assertEquals(agents.states()[0].paused, pauses.since("agent", "echo"));
  await pauses.resume("agent", "echo");
  assertEquals(await agents.ask("echo", "say", { a: 2 }, { id: "c", timeoutMs: 5_000 }), { a: 2 });
});
