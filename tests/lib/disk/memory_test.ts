import {
  assert,
  assertEquals,
  assertGreater,
  assertInstanceOf,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { CodedError } from "../../../lib/errors.ts";
import { ExitError } from "../../../lib/exit.ts";
import type { Json } from "../../../lib/json.ts";
import { RECORD_BYTES_MAX } from "../../../lib/disk/record.ts";
import { Dice } from "../../harness/dice.ts";
import { FaultyDisk, skipSyncs, systemError, unsyncedDisk } from "./faulty_disk.ts";
import { openJournal } from "./journals.ts";
import {
  changesOf,
  openMemory,
  randomChanges,
  recovered,
  refusal,
  sorted,
  type State,
  stateAfter,
  stateOf,
} from "./memories.ts";
import { copyFolder, TempFolder } from "../../harness/temp_folder.ts";
import { within } from "../../harness/waiting.ts";

const SEED = 31_337;
Deno.test("Memory.commit() changes values at once, and they are there when the folder is opened again", async () => {
  await using folder = await TempFolder.make();
  const large = "é".repeat(1_000_000);
  const odd = JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":1}}');
  {
    await using memory = await openMemory(`${folder.path}/new/memory`);
    const durable = memory.commit(changesOf(["a", 1], ["__proto__", odd], ["large", large]));
    assertEquals([memory.get("a"), memory.get("__proto__"), memory.size], [1, odd, 3]);
    assertEquals(memory.get("toString"), undefined);
    await durable;
    await memory.commit(changesOf(["a"], ["\n\u0000\ud800 é", "text"]));
  }
  const state = await recovered(`${folder.path}/new/memory`);
  assertEquals(
    sorted(state),
    sorted(
      new Map<string, Json>([
        ["__proto__", odd],
        ["large", large],
        ["\n\u0000\ud800 é", "text"],
      ]),
    ),
  );
  assertEquals(({} as { polluted?: true }).polluted, undefined);
});

Deno.test("Memory.entries() yields the keys with a prefix, in the order in which they were added", async () => {
  await using folder = await TempFolder.make();
  await using memory = await openMemory(folder.path);
  await memory.commit(changesOf(["p/2", 2], ["q", 0], ["p/1", 1], ["p", 3]));
  assertEquals([...memory.entries("p/")], [["p/2", 2], ["p/1", 1]]);
});

Deno.test("Memory.commit() that fails is rolled back before it rejects", async () => {
  await using folder = await TempFolder.make();
  using disk = new FaultyDisk();
  await using memory = await openMemory(folder.path);
  await memory.commit(changesOf(["a", "old"], ["b", "old"]));
  const { epoch } = memory;
  disk.fault = ({ op }) => {
    if (op === "write") throw systemError("ENOSPC");
  };
  // Several on the same keys: rolled back in the wrong order, one of them would stay.
  const commits = [
    changesOf(["a", 1], ["new", 1]),
    changesOf(["a", 2], ["b"]),
    changesOf(["a"], ["new", 3]),
    changesOf(["a", 4], ["b", 4], ["new"]),
  ].map((changes, at) => memory.commit(changes, { lazy: at === 2 }));
  assertEquals([memory.get("a"), memory.get("b"), memory.get("new")], [4, 4, undefined]);
  for (const commit of commits) {
    const error = await assertRejects(() => commit, CodedError);
    assertEquals(error.code, "storage_full");
    assertEquals(stateOf(memory), new Map([["a", "old"], ["b", "old"]]));
    assertEquals(memory.epoch, epoch + 1);
  }
  disk.fault = () => {};
  await memory.commit(changesOf(["a", "again"]));
  assertEquals(memory.epoch, epoch + 1);
  const copy = `${folder.path}/copy`;
  copyFolder(folder.path, copy);
  assertEquals(await recovered(copy), new Map([["a", "again"], ["b", "old"]]));
});

Deno.test("Memory.commit() is rolled back together with the commit before it", async () => {
  await using folder = await TempFolder.make();
  using disk = new FaultyDisk();
  await using memory = await openMemory(folder.path);
  await memory.commit(changesOf(["n", 0]));
  disk.fault = ({ op }) => {
    if (op === "write") throw systemError("EIO");
  };
  const writing = disk.next("write");
  const first = assertRejects(() => memory.commit(changesOf(["n", 1])), CodedError);
  await writing;
  const second = assertRejects(() => memory.commit(changesOf(["n", 2])), CodedError);
  await Promise.all([first, second]);
  assertEquals([memory.get("n"), memory.epoch], [0, 1]);
});

Deno.test("Memory.commit() after a failed sync changes nothing, and `onFailed` is called once", async () => {
  await using folder = await TempFolder.make();
  using disk = new FaultyDisk();
  let failed = 0;
  {
    await using memory = await openMemory(folder.path, { onFailed: () => failed++ });
    await memory.commit(changesOf(["n", 0]));
    disk.fault = ({ op }) => {
      if (op === "sync") throw systemError("EIO");
    };
    await assertRejects(() => memory.commit(changesOf(["n", 1])), CodedError, "Cannot sync");
    disk.fault = () => {};
    assertEquals([memory.get("n"), failed], [0, 1]);
    const error = await assertRejects(() => memory.commit(changesOf(["n", 2])), CodedError);
    assertEquals([error.code, memory.get("n"), failed], ["storage_failed", 0, 1]);
    await assertRejects(() => memory.snapshot(), CodedError);
  }
  assertEquals(failed, 1);
});

Deno.test("Memory.commit() of changes that no record can hold changes nothing", async () => {
  await using folder = await TempFolder.make();
  await using memory = await openMemory(folder.path);
  await memory.commit(changesOf(["a", 1]));
  const large = "漢".repeat(RECORD_BYTES_MAX / 3);
  await assertRejects(() => memory.commit(changesOf(["a", large])), RangeError);
  await assertRejects(() => memory.commit(changesOf(["a", 1n as unknown as Json])), TypeError);
  assertEquals([memory.get("a"), memory.epoch], [1, 0]);
  await memory.commit(changesOf(["a", 2]));
});

Deno.test("Memory.commit() after the memory is closed is refused", async () => {
  await using folder = await TempFolder.make();
  const memory = await openMemory(folder.path);
  await memory[Symbol.asyncDispose]();
  await assertRejects(() => memory.commit(changesOf(["a", 1])), CodedError, "closed");
  assertEquals(memory.get("a"), undefined);
});

Deno.test("Memory holds what a model holds, over commits, snapshots and openings", async () => {
  const dice = new Dice(SEED);
  await using folder = await TempFolder.make();
  using _ = unsyncedDisk();
  let model: State = new Map();
  let memory = await openMemory(folder.path);
  try {
    for (let round = 0; round < 1_500; round++) {
      const commits: Promise<void>[] = [];
      for (let count = dice.below(4); count > 0; count--) {
        const changes = randomChanges(dice, round);
        commits.push(memory.commit(changes, { lazy: dice.below(4) === 0 }));
        model = stateAfter(model, changes);
        if (dice.below(10) === 0) commits.push(memory.snapshot());
      }
      const where = `round ${round}, seed ${SEED}`;
      assertEquals(sorted(stateOf(memory)), sorted(model), where);
      if (dice.below(5) === 0) await Promise.all(commits);
      if (dice.below(30) === 0) {
        await memory[Symbol.asyncDispose]();
        memory = await openMemory(folder.path);
        assertEquals(sorted(stateOf(memory)), sorted(model), where);
      }
      if (dice.below(8) === 0) await new Promise((next) => setTimeout(next));
    }
  } finally {
    await memory[Symbol.asyncDispose]();
  }
});

Deno.test("Memory.snapshot() without room changes nothing, and succeeds later", async () => {
  await using folder = await TempFolder.make();
  using disk = new FaultyDisk();
  const events: string[] = [];
  await using memory = await openMemory(folder.path, {
    log: (_level, event) => events.push(event),
  });
  await memory.commit(changesOf(["a", 1]));
  await memory.snapshot();
  const before = await Deno.readTextFile(`${folder.path}/memory.json`);
  await memory.commit(changesOf(["a", 2]));
  for (const op of ["write", "rename"]) {
    disk.fault = (call) => {
      if (call.op === op && call.path.includes("memory.json")) throw systemError("ENOSPC");
    };
    await assertRejects(() => memory.snapshot(), Error, "No space left");
    disk.fault = () => {};
    assertEquals(await Deno.readTextFile(`${folder.path}/memory.json`), before);
    assertEquals((await folder.names()).filter((name) => name.endsWith(".tmp")), []);
    await memory.commit(changesOf(["b", op]));
  }
  assertEquals((await folder.segments()).length, 3);
  await memory.snapshot();
  assertEquals((await folder.segments()).length, 1);
  assertEquals(memory.get("b"), "rename");
});

Deno.test("Memory.snapshot() does not contain changes that are committed while it is written", async () => {
  await using folder = await TempFolder.make();
  using disk = new FaultyDisk();
  await using memory = await openMemory(`${folder.path}/live`);
  await memory.commit(changesOf(["a", 1]));
  const [renamed, opened] = [disk.next("rename"), Promise.withResolvers<void>()];
  const { promise: failing, resolve: fail } = Promise.withResolvers<void>();
  disk.fault = async ({ op, path }) => {
    if (op === "write" && path.includes(".ndjson") && memory.get("a") === 2) {
      opened.resolve();
      await failing;
      throw systemError("ENOSPC");
    }
    if (op === "open" && path.includes("memory.json")) {
      commit = assertRejects(() => memory.commit(changesOf(["a", 2], ["b", 2])), CodedError);
      await opened.promise;
    }
  };
  let commit: Promise<unknown> | undefined;
  const snapshot = memory.snapshot();
  await renamed;
  await snapshot;
  fail();
  await commit;
  disk.fault = () => {};
  copyFolder(`${folder.path}/live`, `${folder.path}/copy`);
  assertEquals(await recovered(`${folder.path}/copy`), new Map([["a", 1]]));
});

Deno.test("Memory takes a snapshot when the journal has grown, and on a full disk tries once per growth", async () => {
  await using folder = await TempFolder.make();
  using disk = new FaultyDisk();
  const events: string[] = [];
  const memory = await openMemory(folder.path, { log: (_level, event) => events.push(event) });
  disk.fault = ({ op, path }) => {
    if (op === "write" && path.includes("memory.json")) throw systemError("ENOSPC");
    return op === "sync" ? 0 : undefined;
  };
  const large = "x".repeat(3 * 1024 * 1024);
  const failures = (): number => events.filter((event) => event === "snapshot_failed").length;
  for (let round = 0; round < 7; round++) await memory.commit(changesOf([`k${round % 2}`, large]));
  for (let round = 0; round < 20; round++) await memory.commit(changesOf(["small", round]));
  assertEquals(failures(), 1, "one try until the journal has grown as much again");
  assertLess((await folder.segments()).length, 4);
  disk.fault = skipSyncs;
  for (let round = 0; round < 6; round++) await memory.commit(changesOf([`k${round % 2}`, large]));
  await memory.snapshot();
  assertEquals([failures(), (await folder.segments()).length], [1, 1]);
  await memory[Symbol.asyncDispose]();
  assertEquals((await recovered(folder.path)).get("small"), 19);
});

Deno.test("Memory.open() refuses a whole record that is no list of changes", async () => {
  for (const rec of [5, null, "a", { a: 1 }, [1], [["a", 1, 2]], [[1, "a"]], [["a", 1], null]]) {
    await using folder = await TempFolder.make();
    const { journal } = await openJournal(folder.path);
    await journal.append(rec as Json);
    await journal.close();
    const error = await refusal(folder.path);
    assertEquals(error.reason, "damaged", JSON.stringify(rec));
  }
});

Deno.test("Memory.open() on a full disk reads what is there, and accepts changes when there is room", async () => {
  await using folder = await TempFolder.make();
  {
    await using memory = await openMemory(folder.path);
    await memory.commit(changesOf(["a", 1]));
    copyFolder(folder.path, `${folder.path}-copy`);
  }
  await using copy = {
    [Symbol.asyncDispose]: () => Deno.remove(`${folder.path}-copy`, { recursive: true }),
  };
  assert(copy);
  using disk = new FaultyDisk();
  disk.fault = ({ op }) => {
    if (op === "write") throw systemError("ENOSPC");
  };
  await using memory = await openMemory(`${folder.path}-copy`);
  assertEquals(memory.get("a"), 1);
  await assertRejects(() => memory.commit(changesOf(["a", 2])), CodedError, "No space left");
  disk.fault = () => {};
  await memory.commit(changesOf(["a", 3]));
  assertEquals(memory.get("a"), 3);
});

Deno.test("Memory.open() recovers from any moment of a snapshot, and leaves one segment", async () => {
  await using folder = await TempFolder.make();
  using disk = new FaultyDisk();
  const memory = await openMemory(`${folder.path}/live`);
  await memory.commit(changesOf(["a", 1], ["b", 1]));
  const copies: string[] = [];
  disk.fault = () => {
    const copy = `${folder.path}/copy-${copies.length}`;
    copies.push(copy);
    copyFolder(`${folder.path}/live`, copy);
  };
  await memory.snapshot();
  disk.fault = () => {};
  await memory[Symbol.asyncDispose]();
  assertGreater(copies.length, 8);
  for (const [at, copy] of copies.entries()) {
    assertEquals(await recovered(copy), new Map([["a", 1], ["b", 1]]), `moment ${at}`);
    const names = await Array.fromAsync(Deno.readDir(copy), ({ name }) => name);
    assertEquals(names.filter((name) => name.endsWith(".ndjson")).length, 1, `moment ${at}`);
    assert(!names.includes("memory.json.tmp"), `moment ${at}`);
  }
});

Deno.test("Memory.open() refuses a folder that another memory has locked, and changes nothing in it", async () => {
  await using folder = await TempFolder.make();
  const look = (): string =>
    JSON.stringify(Array.from(Deno.readDirSync(folder.path), ({ name }) => {
      const { size, mtime } = Deno.statSync(`${folder.path}/${name}`);
      return [name, size, mtime];
    }));
  {
    await using memory = await openMemory(folder.path);
    await memory.commit(changesOf(["a", 1]));
    await Deno.writeTextFile(`${folder.path}/memory.json.tmp`, "the owner's");
    const before = look();
    const error = await within(refusal(folder.path), "the refusal");
    assertInstanceOf(error, ExitError);
    assertEquals([error.reason, error.exitCode], ["locked", 75]);
    assertStringIncludes(error.message, folder.path);
    assertEquals(look(), before);
    await memory.commit(changesOf(["a", 2]));
  }
  assertEquals(await recovered(folder.path), new Map([["a", 2]]));
});

Deno.test("Memory.open() that fails unlocks the folder", async () => {
  await using folder = await TempFolder.make();
  await Deno.writeTextFile(`${folder.path}/memory.json`, "{}");
  for (let time = 0; time < 2; time++) {
    assertEquals((await refusal(folder.path)).reason, "damaged");
  }
  await Deno.remove(`${folder.path}/memory.json`);
  assertEquals(await recovered(folder.path), new Map());
});

Deno.test("Memory.open() refuses a folder that it can't write, with advice", async () => {
  await using folder = await TempFolder.make();
  await Deno.writeTextFile(`${folder.path}/file`, "");
  for (const path of [`${folder.path}/file`, `${folder.path}/file/below`, "/proc/baton"]) {
    const error = await refusal(path);
    assertInstanceOf(error, ExitError, path);
    assertEquals([error.reason, error.exitCode], ["not_permitted", 77], path);
    assertStringIncludes(error.message, `"${path}"`);
    assertStringIncludes(error.message, "make it a folder that this user may write");
  }
});

Deno.test("Memory.open() refuses at once a lock that is no plain file", async () => {
  await using folder = await TempFolder.make();
  const path = `${folder.path}/lock`;
  const kinds: (() => Promise<unknown>)[] = [
    () => Deno.mkdir(path),
    () => new Deno.Command("mkfifo", { args: [path] }).output(),
    () => Deno.symlink(`${folder.path}/elsewhere`, path),
  ];
  for (const make of kinds) {
    await make();
    const error = await within(refusal(folder.path), "the refusal");
    assertEquals(error.reason, "not_permitted");
    assertStringIncludes(error.message, "is not a plain file");
    assertEquals(await folder.names(), ["lock"]);
    await Deno.remove(path);
  }
});

Deno.test("Memory.open() refuses the folder of another role, and one whose journal is gone", async () => {
  await using folder = await TempFolder.make();
  {
    await using memory = await openMemory(folder.path);
    await memory.commit(changesOf(["a", 1]));
  }
  const other = await refusal(folder.path, { role: "other" });
  assertStringIncludes(other.message, 'it belongs to "tester", not "other"');
  for (const path of await folder.segments()) await Deno.remove(path);
  const gone = await refusal(folder.path);
  assertEquals(gone.reason, "damaged");
  assertStringIncludes(gone.message, "it is missing");
});

Deno.test("Memory.open() refuses a snapshot that is older or newer than the journal", async () => {
  await using folder = await TempFolder.make();
  const path = `${folder.path}/memory.json`;
  const snapshots: Uint8Array[] = [];
  for (let time = 0; time < 2; time++) {
    await using memory = await openMemory(folder.path);
    await memory.commit(changesOf(["a", time]));
    await memory.snapshot();
    snapshots.push(await Deno.readFile(path));
  }
  await Deno.writeFile(path, snapshots[0]);
  assertEquals((await refusal(folder.path)).reason, "damaged");
  await Deno.remove(path);
  assertEquals((await refusal(folder.path)).reason, "damaged");
});

Deno.test("Memory leaves a readable memory.json and an empty journal when it is disposed of", async () => {
  await using folder = await TempFolder.make();
  {
    await using memory = await openMemory(folder.path);
    await memory.commit(changesOf(["a", { b: 1 }]), { lazy: true });
  }
  assertEquals((await folder.names()).length, 3);
  const { role, entries } = JSON.parse(await Deno.readTextFile(`${folder.path}/memory.json`));
  assertEquals([role, entries], ["tester", { a: { b: 1 } }]);
  assertEquals((await Deno.readTextFile((await folder.segments())[0])).split("\n").length, 2);
});
