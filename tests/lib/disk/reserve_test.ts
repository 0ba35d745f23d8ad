/**
 * Seen to fail if the write is not tried again, if it is tried after its torn part, if the reserve is not
 * taken back, and if new work is accepted on a full disk.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { z } from "zod";
import { defineAgent, op } from "../../../agents/define.ts";
import { Runtime } from "../../../agents/runtime/runtime.ts";
import type { Client } from "../../../lib/client/client.ts";
import { CodedError } from "../../../lib/errors.ts";
import { ExitError } from "../../../lib/exit.ts";
import type { Memory } from "../../../lib/disk/memory.ts";
import { PROTOCOL } from "../../../lib/wire/protocol.ts";
import { Reserve, RESERVE_BYTES } from "../../../lib/disk/reserve.ts";
import { AgentProcess, connect } from "../../harness/agent_process.ts";
import { executeHere } from "../../harness/execute_here.ts";
import { copyFolder, TempFolder } from "../../harness/temp_folder.ts";
import { skip } from "../../harness/test_output.ts";
import { within } from "../../harness/waiting.ts";
import { fillDisk, mountSmall, whyNoMount } from "../../disk_faults/mounted.ts";
import { Site } from "../../orchestrator/site.ts";
import { FaultyDisk, skipSyncs, systemError } from "./faulty_disk.ts";
import { openMemory, recovered, stateOf } from "./memories.ts";

const RESERVE = 256 * 1024;

async function sizeOf(folder: string): Promise<number> {
  return (await Deno.stat(`${folder}/reserve`)).size;
}

/** Resolves when there is room again. */
async function roomy(memory: Memory): Promise<void> {
  await within(
    (async () => {
      while (memory.full) await new Promise((next) => setTimeout(next, 10));
    })(),
    "room on the disk",
  );
}

/** Returns a disk with `free` bytes, and a function that adds to them. */
function smallDisk(free: number): { disk: FaultyDisk; give: (bytes: number) => void } {
  const disk = new FaultyDisk();
  let reserved = 0;
  disk.fault = ({ op, path }) => {
    if (op === "sync") return 0;
    if (path.endsWith("/reserve")) {
      if (op === "truncate") {
        free += reserved;
        reserved = 0;
      }
      if (op !== "write") return;
      if (free < 64 * 1024) throw systemError("ENOSPC");
      free -= 64 * 1024;
      reserved += 64 * 1024;
    }
    if (op !== "write" || !path.endsWith(".ndjson")) return;
    if (free <= 0) throw systemError("ENOSPC");
    if (free < 1_000) {
      const some = free;
      free = 0;
      return some; // a short write, as on a full disk
    }
    free -= 1_000; // whatever the size of the write
  };
  return { disk, give: (bytes) => void (free += bytes) };
}

/** Returns the state of the storage from `health`, which has it twice. */
async function storageOf(client: Client): Promise<unknown> {
  const { storage, status } = await client.call("health", {}, { timeoutMs: 60_000 });
  assertEquals(status, storage);
  return storage;
}

/** Calls `ask` until it is rejected because the disk is full. */
async function untilFull(ask: (count: number) => Promise<unknown>): Promise<void> {
  const error = await assertRejects(async () => {
    for (let count = 0; count < 500; count++) await ask(count);
  }, CodedError);
  assertEquals(error.code, "storage_full");
}

/** Resolves when the process has its reserve again. */
async function untilRoomy(client: Client): Promise<void> {
  const roomy = async (): Promise<void> => {
    while (await storageOf(client) === "full") await new Promise((next) => setTimeout(next, 50));
  };
  await within(roomy(), "room on the disk");
}

Deno.test("Memory on a full disk releases its reserve, records, and takes the reserve back", async () => {
  await using folder = await TempFolder.make();
  const copy = `${folder.path}/copy`;
  const { disk, give } = smallDisk(RESERVE + 64 * 1024 + 5_500);
  using _ = disk;
  {
    await using memory = await openMemory(folder.path, { reserveBytes: RESERVE });
    assertEquals([memory.full, await sizeOf(folder.path)], [false, RESERVE]);
    let count = 0;
    while (!memory.full) {
      await memory.commit(new Map([[`k${count++}`, count]]));
      assert(count < 200);
    }
    assertEquals(await sizeOf(folder.path), 0);
    for (let more = 0; more < 20; more++) await memory.commit(new Map([[`k${count++}`, count]]));
    assertEquals(stateOf(memory).size, count);
    assert(memory.full);
    give(RESERVE);
    await roomy(memory);
    assertEquals(await sizeOf(folder.path), RESERVE);
    await memory.commit(new Map([[`k${count++}`, count]]));
    disk.fault = skipSyncs;
    assertEquals(stateOf(memory).size, count);
    copyFolder(folder.path, copy); // as a crash now would leave it
    assertEquals((await recovered(copy)).size, count);
  }
  const state = await recovered(folder.path);
  assertEquals([...state.keys()], Array.from({ length: state.size }, (_, at) => `k${at}`));
  assert(state.size > 80, `${state.size}`);
});

Deno.test("Memory without a reserve left rejects commits, and loses nothing", async () => {
  await using folder = await TempFolder.make();
  const { disk } = smallDisk(RESERVE + 5_500);
  using _ = disk;
  let kept = 0;
  {
    await using memory = await openMemory(folder.path, { reserveBytes: RESERVE });
    const error = await assertRejects(async () => {
      for (; kept < 1_000; kept++) await memory.commit(new Map([["n", kept + 1]]));
    }, CodedError);
    assertEquals([error.code, memory.full, memory.get("n")], ["storage_full", true, kept]);
    disk.fault = skipSyncs;
  }
  assertEquals((await recovered(folder.path)).get("n"), kept);
  assert(kept > RESERVE / 1_000 - 10, `${kept}`);
});

Deno.test("Reserve.open() holds its bytes on disk, and finds them again", async () => {
  await using folder = await TempFolder.make();
  const path = `${folder.path}/reserve`;
  for (let time = 0; time < 2; time++) {
    using disk = new FaultyDisk();
    await using reserve = await Reserve.open(path, RESERVE_BYTES, () => {});
    assertEquals([reserve.held, (await Deno.stat(path)).size], [true, RESERVE_BYTES]);
    assert((await Deno.stat(path)).blocks! * 512 >= RESERVE_BYTES);
    assertEquals(disk.count("write") > 0, time === 0);
  }
});

Deno.test("Reserve.open() holds less on a small disk and nothing on a full one, and logs it once", async () => {
  for (const [free, held] of [[RESERVE, RESERVE], [RESERVE - 1, RESERVE / 2], [0, 0]]) {
    await using folder = await TempFolder.make();
    const { disk } = smallDisk(free);
    using _ = disk;
    const events: string[] = [];
    {
      await using reserve = await Reserve.open(
        `${folder.path}/reserve`,
        RESERVE,
        (_level, event) => events.push(event),
      );
      assertEquals([reserve.held, await sizeOf(folder.path)], [held > 0, held]);
    }
    const expected = held === RESERVE ? [] : held > 0 ? ["reserve_small"] : ["reserve_missing"];
    assertEquals(events, expected);
  }
});

Deno.test("Reserve.release() during a fill frees what is written", async () => {
  await using folder = await TempFolder.make();
  const path = `${folder.path}/reserve`;
  using disk = new FaultyDisk();
  await using reserve = await Reserve.open(path, RESERVE, () => {});
  assertEquals([await reserve.release(), await sizeOf(folder.path)], [true, 0]);
  assertEquals(await reserve.release(), false, "nothing is left to free");
  const writing = disk.next("write");
  const continueWrites = disk.hold("write");
  await within(writing, "the write to begin");
  const released = reserve.release();
  continueWrites();
  assertEquals([await released, await sizeOf(folder.path), reserve.held], [true, 0, false]);
});

Deno.test("Reserve.open() refuses at once a path that is no plain file", async () => {
  await using folder = await TempFolder.make();
  const path = `${folder.path}/reserve`;
  await new Deno.Command("mkfifo", { args: [path] }).output();
  await assertRejects(
    () => within(Reserve.open(path, RESERVE, () => {}), "the refusal"),
    ExitError,
    "it is not a plain file",
  );
});

Deno.test("Runtime.answer() refuses only new work while the disk is full", async () => {
  await using folder = await TempFolder.make();
  const { disk, give } = smallDisk(RESERVE + 64 * 1024 + 5_500);
  using _ = disk;
  await using memory = await openMemory(folder.path, { reserveBytes: RESERVE });
  const common = { input: z.strictObject({}), output: z.strictObject({ given: z.string() }) };
  const { promise: goOn, resolve: go } = Promise.withResolvers<void>();
  const agent = defineAgent("tester", {
    once: op({ ...common, handle: () => ({ given: "once" }) }),
    pure: op({ ...common, pure: true, handle: () => ({ given: "pure" }) }),
    page: op({
      ...common,
      handle: () => ({ given: "page" }),
      recall: () => ({ given: "page again" }),
    }),
    slow: op({
      ...common,
      async handle(_input, { memory }) {
        await goOn;
        memory.set("slow", true);
        return { given: "slow" };
      },
    }),
  });
  const runtime = new Runtime({ agent, memory, log: () => {}, execute: executeHere(agent) });
  const ask = async (type: string, id = type): Promise<unknown> =>
    (await runtime.answer({ v: PROTOCOL, id, type, body: {} })).given;
  assertEquals([await ask("once"), await ask("page")], ["once", "page"]);
  const slow = ask("slow");
  for (let count = 0; !memory.full; count++) await memory.commit(new Map([["x", count]]));
  for (const type of ["once", "page", "slow"]) {
    const error = await assertRejects(() => ask(type, "new"), CodedError);
    assertEquals([error.code, error.afterMs, error.maybeDone], ["storage_full", 1_000, false]);
  }
  const joined = ask("slow");
  go();
  assertEquals([await slow, await joined], ["slow", "slow"]);
  assertEquals([await ask("once"), await ask("page")], ["once", "page again"]);
  assertEquals(await ask("pure", "new"), "pure");
  assertEquals((await runtime.answer({ v: PROTOCOL, id: "s", type: "stats" })).in_flight, 0);
  assert(memory.full);
  give(RESERVE);
  await roomy(memory);
  assertEquals(await ask("once", "new"), "once");
  disk.fault = skipSyncs;
});

Deno.test("Memory records with its reserve on a disk that is really full", async (t) => {
  await using temp = await TempFolder.make();
  const why = await whyNoMount(temp.path);
  if (why !== undefined) return await skip(t, why);
  await using mounted = await mountSmall(`${temp.path}/disk`, "size=1m");
  const folder = `${mounted.path}/memory`;
  {
    await using memory = await openMemory(folder, { reserveBytes: RESERVE });
    assert(!memory.full);
    const free = await fillDisk(mounted.path);
    let count = 0;
    while (!memory.full) await memory.commit(new Map([[`k${count++}`, "x".repeat(3_000)]]));
    for (let more = 0; more < 20; more++) {
      await memory.commit(new Map([[`k${count++}`, "x".repeat(3_000)]]));
    }
    assertEquals(await sizeOf(folder), 0);
    const copy = `${temp.path}/copy`;
    copyFolder(folder, copy);
    assertEquals((await recovered(copy)).size, count);
    await free();
    await roomy(memory);
    assertEquals([await sizeOf(folder), memory.size], [RESERVE, count]);
  }
  assert((await recovered(folder)).size >= 21);
});

Deno.test("An agent on a full disk refuses new work, reports it, and recovers by itself", async (t) => {
  await using temp = await TempFolder.make();
  const why = await whyNoMount(temp.path);
  if (why !== undefined) return await skip(t, why);
  await using mounted = await mountSmall(`${temp.path}/memory`, "size=6m");
  await using program = new AgentProcess(temp.path, ["--port", "0"]);
  using client = await connect(await program.serving());
  const greet = (id: string) => client.call("greet", { name: id }, { id, timeoutMs: 60_000 });
  const first = await greet("first");
  assertEquals(await storageOf(client), "ok");
  const free = await fillDisk(mounted.path);
  await untilFull((count) => greet(`${count}`));
  assertEquals(await storageOf(client), "full");
  assertEquals(await greet("first"), first);
  await free();
  await untilRoomy(client);
  assertEquals(await greet("last"), { text: "Hello last, for the 1. time" });
});

Deno.test("The orchestrator on a full disk refuses only new tasks, and accepts them again by itself", async (t) => {
  await using site = await Site.make();
  const why = await whyNoMount(site.folder);
  if (why !== undefined) return await skip(t, why);
  await using mounted = await mountSmall(`${site.folder}/memory`, "size=6m");
  await using _ = await site.serve();
  using client = await site.connect();
  const submit = (count: number) => {
    const input = { sources: [{ text: "snow\n", name: `n${count}` }] };
    return client.call("submit", { input, key: `${count}` }, { timeoutMs: 60_000 });
  };
  const { task } = await submit(0);
  assertEquals(await storageOf(client), "ok");
  const free = await fillDisk(mounted.path);
  await untilFull(submit);
  assertEquals(await storageOf(client), "full");
  assertEquals((await submit(0)).task, task);
  await client.call("cancel", { task }, { timeoutMs: 60_000 });
  assertEquals((await client.call("get", { task }, { timeoutMs: 60_000 })).state, "cancelled");
  await free();
  await untilRoomy(client);
  assertEquals((await submit(1_000)).created, true);
});
