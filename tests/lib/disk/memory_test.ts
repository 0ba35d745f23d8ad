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
import { type Changes, Memory } from "../../../lib/disk/memory.ts";
import type { Json } from "../../../lib/json.ts";
import { Dice } from "../../harness/dice.ts";
import { FaultyDisk, systemError } from "./faulty_disk.ts";
import { openJournal, readBack } from "./journals.ts";
import { killed } from "./killed.ts";
import { openMemory, recovered, refusal, type State, stateOf } from "./memories.ts";
import { copyFolder, TempFolder } from "../../harness/temp_folder.ts";
import { within } from "../../harness/waiting.ts";

const SEED = 31_337;
const KEYS = ["a", "b", "c", "__proto__", "constructor", "line\nfeed", 'quote"', "ключ", ""];

function change(...pairs: [string, Json?][]): Changes {
  return new Map(pairs.map(([key, value]) => [key, value]));
}

function apply(state: State, changes: Changes): State {
  const next = new Map(state);
  for (const [key, value] of changes) value === undefined ? next.delete(key) : next.set(key, value);
  return next;
}

function someChanges(dice: Dice, round: number): Changes {
  const pairs: [string, Json?][] = Array.from({ length: 1 + dice.below(3) }, () => {
    const value = dice.pick<Json | undefined>([undefined, round, `${round}\n"`, { round }]);
    return [dice.pick(KEYS), value];
  });
  return change(...pairs);
}

function sorted(state: State): [string, Json][] {
  return [...state].sort(([a], [b]) => a < b ? -1 : 1);
}

Deno.test("commit() is there at once, and after the folder is opened again", async () => {
  await using folder = await TempFolder.make();
  const large = "é".repeat(1_000_000);
  const odd = JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":1}}');
  {
    await using memory = await openMemory(`${folder.path}/new/memory`);
    const durable = memory.commit(change(["a", 1], ["__proto__", odd], ["large", large]));
    assertEquals([memory.get("a"), memory.get("__proto__"), memory.size], [1, odd, 3]);
    assertEquals(memory.get("toString"), undefined);
    await durable;
    await memory.commit(change(["a"], ["\n\u0000\ud800 é", "text"]));
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

Deno.test("entries() gives the keys with a prefix, in the order in which they came", async () => {
  await using folder = await TempFolder.make();
  await using memory = await openMemory(folder.path);
  await memory.commit(change(["p/2", 2], ["q", 0], ["p/1", 1], ["p", 3]));
  assertEquals([...memory.entries("p/")], [["p/2", 2], ["p/1", 1]]);
});

Deno.test("commit() that is not kept is taken back, and says so before it rejects", async () => {
  await using folder = await TempFolder.make();
  using disk = new FaultyDisk();
  await using memory = await openMemory(folder.path);
  await memory.commit(change(["a", "old"], ["b", "old"]));
  const { epoch } = memory;
  disk.fault = ({ op }) => {
    if (op === "write") throw systemError("ENOSPC");
  };
  // Several on the same keys: taken back in the wrong order, one of these would stay.
  const commits = [
    change(["a", 1], ["new", 1]),
    change(["a", 2], ["b"]),
    change(["a"], ["new", 3]),
    change(["a", 4], ["b", 4], ["new"]),
  ].map((changes, at) => memory.commit(changes, { lazy: at === 2 }));
  assertEquals([memory.get("a"), memory.get("b"), memory.get("new")], [4, 4, undefined]);
  for (const commit of commits) {
    const error = await assertRejects(() => commit, CodedError);
    assertEquals(error.code, "storage_full");
    assertEquals(stateOf(memory), new Map([["a", "old"], ["b", "old"]]));
    assertEquals(memory.epoch, epoch + 1);
  }
  disk.fault = () => {};
  await memory.commit(change(["a", "again"]));
  assertEquals(memory.epoch, epoch + 1);
  const copy = `${folder.path}/copy`;
  copyFolder(folder.path, copy);
  assertEquals(await recovered(copy), new Map([["a", "again"], ["b", "old"]]));
});

Deno.test("commit() that waits behind one that is given up is taken back with it", async () => {
  await using folder = await TempFolder.make();
  using disk = new FaultyDisk();
  await using memory = await openMemory(folder.path);
  await memory.commit(change(["n", 0]));
  disk.fault = ({ op }) => {
    if (op === "write") throw systemError("EIO");
  };
  const writing = disk.next("write");
  const first = assertRejects(() => memory.commit(change(["n", 1])), CodedError);
  await writing;
  const second = assertRejects(() => memory.commit(change(["n", 2])), CodedError);
  await Promise.all([first, second]);
  assertEquals([memory.get("n"), memory.epoch], [0, 1]);
});

Deno.test("commit() after a failed sync changes nothing, and the process is told once", async () => {
  await using folder = await TempFolder.make();
  using disk = new FaultyDisk();
  let failed = 0;
  {
    await using memory = await openMemory(folder.path, { onFailed: () => failed++ });
    await memory.commit(change(["n", 0]));
    disk.fault = ({ op }) => {
      if (op === "sync") throw systemError("EIO");
    };
    await assertRejects(() => memory.commit(change(["n", 1])), CodedError, "Cannot sync");
    disk.fault = () => {};
    assertEquals([memory.get("n"), failed], [0, 1]);
    const error = await assertRejects(() => memory.commit(change(["n", 2])), CodedError);
    assertEquals([error.code, memory.get("n"), failed], ["storage_failed", 0, 1]);
    await assertRejects(() => memory.snapshot(), CodedError);
  }
  assertEquals(failed, 1);
});

Deno.test("commit() of what no record can hold changes nothing", async () => {
  await using folder = await TempFolder.make();
  await using memory = await openMemory(folder.path);
  await memory.commit(change(["a", 1]));
  const large = "x".repeat(65 * 1024 * 1024);
  await assertRejects(() => memory.commit(change(["a", large])), RangeError);
  await assertRejects(() => memory.commit(change(["a", 1n as unknown as Json])), TypeError);
  assertEquals([memory.get("a"), memory.epoch], [1, 0]);
  await memory.commit(change(["a", 2]));
});

Deno.test("commit() after the memory is closed is refused", async () => {
  await using folder = await TempFolder.make();
  const memory = await openMemory(folder.path);
  await memory[Symbol.asyncDispose]();
  await assertRejects(() => memory.commit(change(["a", 1])), CodedError, "closed");
  assertEquals(memory.get("a"), undefined);
});

Deno.test("Memory keeps what a model keeps, over commits, snapshots and openings", async () => {
  const dice = new Dice(SEED);
  await using folder = await TempFolder.make();
  using disk = new FaultyDisk();
  disk.fault = ({ op }) => op === "sync" ? 0 : undefined;
  let model: State = new Map();
  let memory = await openMemory(folder.path);
  try {
    for (let round = 0; round < 1_500; round++) {
      const commits: Promise<void>[] = [];
      for (let count = dice.below(4); count > 0; count--) {
        const changes = someChanges(dice, round);
        commits.push(memory.commit(changes, { lazy: dice.below(4) === 0 }));
        model = apply(model, changes);
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

Deno.test("Memory that stops at any moment has every change that was acknowledged", async () => {
  const dice = new Dice(SEED);
  await using folder = await TempFolder.make();
  using disk = new FaultyDisk();
  disk.fault = ({ op }) => op === "sync" ? 0 : undefined;
  await using memory = await openMemory(`${folder.path}/live`);
  const states: State[] = [new Map()];
  let acknowledged = 0;
  let stops = 0;
  const stop = async (): Promise<void> => {
    // Between two calls of the disk, as kill -9 does: what was asked before is done, nothing else.
    const [least, most] = [acknowledged, states.length - 1];
    const copy = `${folder.path}/copy-${stops++}`;
    copyFolder(`${folder.path}/live`, copy);
    const found = JSON.stringify(sorted(await recovered(copy)));
    const possible = states.slice(least, most + 1).map((state) => JSON.stringify(sorted(state)));
    assert(possible.includes(found), `stop ${stops}, seed ${SEED}: ${found}, not ${possible}`);
    await Deno.remove(copy, { recursive: true });
  };
  let failure: unknown;
  let standing: Promise<void> | undefined;
  disk.fault = async ({ op, path }) => {
    if (path.includes("/live")) {
      while (standing !== undefined) await standing;
      if (dice.below(12) === 0) {
        standing = stop().catch((error) => failure ??= error).finally(() => standing = undefined);
        await standing;
      }
    }
    return op === "sync" ? 0 : undefined;
  };
  for (let round = 0; round < 250 && failure === undefined; round++) {
    const commits: Promise<unknown>[] = [];
    for (let count = dice.below(4); count > 0; count--) {
      const changes = someChanges(dice, round);
      const at = states.push(apply(states.at(-1)!, changes)) - 1;
      commits.push(memory.commit(changes).then(() => acknowledged = Math.max(acknowledged, at)));
    }
    if (dice.below(6) === 0) commits.push(memory.snapshot());
    await Promise.all(commits);
  }
  if (failure !== undefined) throw failure;
  assertGreater(stops, 50);
  disk.fault = ({ op }) => op === "sync" ? 0 : undefined;
});

for (const [code, lasting] of [["ENOSPC", 1], ["EIO", 1], ["ENOSPC", 4], ["EIO", 4]] as const) {
  Deno.test(`Memory keeps its word whichever call fails with ${code}, ${lasting} in a row`, async () => {
    using disk = new FaultyDisk();
    const counted = ["open", "write", "sync", "truncate", "rename", "remove"];
    let reached = true;
    let nth = 0;
    while (reached) {
      nth++;
      reached = false;
      await using folder = await TempFolder.make();
      const where = `call ${nth}`;
      let at = 0;
      disk.fault = ({ op, path }) => {
        if (!path.startsWith(folder.path) || !counted.includes(op)) return;
        at++;
        if (at >= nth && at < nth + lasting) {
          reached = true;
          throw systemError(code);
        }
        return op === "sync" ? 0 : undefined;
      };
      /** Each commit's changes, and whether it was acknowledged, given up for good, or neither. */
      const history: { changes: Changes; fate: "kept" | "rolled back" | "unknown" }[] = [];
      for (let opening = 0; opening < 3; opening++) {
        let memory: Memory;
        try {
          memory = await openMemory(folder.path);
        } catch {
          continue; // the next opening tries again
        }
        try {
          for (let round = 0; round < 4; round++) {
            const commits = [0, 1].map(async (which) => {
              const id = `${opening}.${round}.${which}`;
              const entry: typeof history[number] = {
                changes: change([id, true], ["last", id]),
                fate: "unknown",
              };
              history.push(entry);
              try {
                await memory.commit(entry.changes);
                entry.fate = "kept";
              } catch (error) {
                if (!(error as CodedError).maybeDone) entry.fate = "rolled back";
              }
            });
            if (round === 2) commits.push(memory.snapshot().catch(() => {}));
            await Promise.all(commits);
            const kept = history.filter(({ fate }) => fate === "kept");
            assertEquals(memory.get("last"), kept.at(-1)?.changes.get("last"), where);
          }
        } finally {
          await memory[Symbol.asyncDispose]();
        }
      }
      disk.fault = ({ op }) => op === "sync" ? 0 : undefined;
      const state = await recovered(folder.path);
      for (const { changes, fate } of history) {
        const [[id]] = changes;
        if (fate !== "unknown") assertEquals(state.has(id), fate === "kept", `${where}, ${id}`);
      }
      assertEquals((await folder.names()).filter((name) => name.endsWith(".tmp")), [], where);
    }
    assertGreater(nth, 60);
  });
}

Deno.test("snapshot() that finds no room leaves everything as it was, and later succeeds", async () => {
  await using folder = await TempFolder.make();
  using disk = new FaultyDisk();
  const events: string[] = [];
  await using memory = await openMemory(folder.path, {
    log: (_level, event) => events.push(event),
  });
  await memory.commit(change(["a", 1]));
  await memory.snapshot();
  const before = await Deno.readTextFile(`${folder.path}/memory.json`);
  await memory.commit(change(["a", 2]));
  for (const op of ["write", "rename"]) {
    disk.fault = (call) => {
      if (call.op === op && call.path.includes("memory.json")) throw systemError("ENOSPC");
    };
    await assertRejects(() => memory.snapshot(), Error, "No space left");
    disk.fault = () => {};
    assertEquals(await Deno.readTextFile(`${folder.path}/memory.json`), before);
    assertEquals((await folder.names()).filter((name) => name.endsWith(".tmp")), []);
    await memory.commit(change(["b", op]));
  }
  assertEquals((await folder.segments()).length, 3);
  await memory.snapshot();
  assertEquals((await folder.segments()).length, 1);
  assertEquals(memory.get("b"), "rename");
});

Deno.test("snapshot() holds nothing of what is committed while it is written", async () => {
  await using folder = await TempFolder.make();
  using disk = new FaultyDisk();
  await using memory = await openMemory(`${folder.path}/live`);
  await memory.commit(change(["a", 1]));
  const [renamed, opened] = [disk.next("rename"), Promise.withResolvers<void>()];
  const { promise: failing, resolve: fail } = Promise.withResolvers<void>();
  disk.fault = async ({ op, path }) => {
    if (op === "write" && path.includes(".ndjson") && memory.get("a") === 2) {
      opened.resolve();
      await failing;
      throw systemError("ENOSPC");
    }
    if (op === "open" && path.includes("memory.json")) {
      commit = assertRejects(() => memory.commit(change(["a", 2], ["b", 2])), CodedError);
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

Deno.test("snapshot() is taken while running when the journal has grown, and never in a row on a full disk", async () => {
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
  for (let round = 0; round < 7; round++) await memory.commit(change([`k${round % 2}`, large]));
  for (let round = 0; round < 20; round++) await memory.commit(change(["small", round]));
  assertEquals(failures(), 1, "one try, and the next one when as much came again");
  assertLess((await folder.segments()).length, 4);
  disk.fault = ({ op }) => op === "sync" ? 0 : undefined;
  for (let round = 0; round < 6; round++) await memory.commit(change([`k${round % 2}`, large]));
  await memory.snapshot();
  assertEquals([failures(), (await folder.segments()).length], [1, 1]);
  await memory[Symbol.asyncDispose]();
  assertEquals((await recovered(folder.path)).get("small"), 19);
});

Deno.test("Memory.open() refuses a record that is whole and no change of keys", async () => {
  for (const rec of [5, null, "a", { a: 1 }, [1], [["a", 1, 2]], [[1, "a"]], [["a", 1], null]]) {
    await using folder = await TempFolder.make();
    const { journal } = await openJournal(folder.path);
    await journal.append(rec as Json);
    await journal.close();
    const error = await refusal(folder.path);
    assertEquals(error.reason, "damaged", JSON.stringify(rec));
  }
});

Deno.test("Memory.open() on a full disk reads what is there, and is well when there is room", async () => {
  await using folder = await TempFolder.make();
  {
    await using memory = await openMemory(folder.path);
    await memory.commit(change(["a", 1]));
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
  await assertRejects(() => memory.commit(change(["a", 2])), CodedError, "No space left");
  disk.fault = () => {};
  await memory.commit(change(["a", 3]));
  assertEquals(memory.get("a"), 3);
});

Deno.test("Memory.open() goes on from any moment of a snapshot, and leaves one segment", async () => {
  await using folder = await TempFolder.make();
  using disk = new FaultyDisk();
  const memory = await openMemory(`${folder.path}/live`);
  await memory.commit(change(["a", 1], ["b", 1]));
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

Deno.test("Memory.open() refuses a folder that has an owner, and changes nothing in it", async () => {
  await using folder = await TempFolder.make();
  const look = (): string =>
    JSON.stringify(Array.from(Deno.readDirSync(folder.path), ({ name }) => {
      const { size, mtime } = Deno.statSync(`${folder.path}/${name}`);
      return [name, size, mtime];
    }));
  {
    await using memory = await openMemory(folder.path);
    await memory.commit(change(["a", 1]));
    await Deno.writeTextFile(`${folder.path}/memory.json.tmp`, "the owner's");
    const before = look();
    const error = await within(refusal(folder.path), "the refusal");
    assertInstanceOf(error, ExitError);
    assertEquals([error.reason, error.exitCode], ["locked", 75]);
    assertStringIncludes(error.message, folder.path);
    assertEquals(look(), before);
    await memory.commit(change(["a", 2]));
  }
  assertEquals(await recovered(folder.path), new Map([["a", 2]]));
});

Deno.test("Memory.open() that fails gives the folder free", async () => {
  await using folder = await TempFolder.make();
  await Deno.writeTextFile(`${folder.path}/memory.json`, "{}");
  for (let time = 0; time < 2; time++) {
    assertEquals((await refusal(folder.path)).reason, "damaged");
  }
  await Deno.remove(`${folder.path}/memory.json`);
  assertEquals(await recovered(folder.path), new Map());
});

Deno.test("Memory.open() refuses a folder that it can't write, and says what to do", async () => {
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
    await memory.commit(change(["a", 1]));
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
    await memory.commit(change(["a", time]));
    await memory.snapshot();
    snapshots.push(await Deno.readFile(path));
  }
  await Deno.writeFile(path, snapshots[0]);
  assertEquals((await refusal(folder.path)).reason, "damaged");
  await Deno.remove(path);
  assertEquals((await refusal(folder.path)).reason, "damaged");
});

Deno.test("Memory leaves a readable memory.json and an empty journal when it is closed", async () => {
  await using folder = await TempFolder.make();
  {
    await using memory = await openMemory(folder.path);
    await memory.commit(change(["a", { b: 1 }]), { lazy: true });
  }
  assertEquals((await folder.names()).length, 3);
  const { role, entries } = JSON.parse(await Deno.readTextFile(`${folder.path}/memory.json`));
  assertEquals([role, entries], ["tester", { a: { b: 1 } }]);
  assertEquals((await Deno.readTextFile((await folder.segments())[0])).split("\n").length, 2);
});

Deno.test("Journal that is killed, again and again, has every number that it told, once", async () => {
  await using folder = await TempFolder.make();
  const dice = new Dice(SEED);
  const told = new Set<number>();
  for (let round = 0; round < 10; round++) {
    const ms = dice.below(60);
    const where = `round ${round}, ${ms} ms, seed ${SEED}`;
    for (const number of await killed("./journal_writer.ts", folder.path, ms)) {
      assert(!told.has(number), `${number} was told twice, ${where}`);
      told.add(number);
    }
    const found = await readBack(folder.path);
    if (found instanceof Error) throw found;
    assertEquals(found, found.map((_, at) => at), where);
    assertEquals([...told].filter((number) => number >= found.length), [], where);
  }
  assertGreater(told.size, 100);
});

Deno.test("Memory that is killed, again and again, has every number that it told", async () => {
  await using folder = await TempFolder.make();
  const dice = new Dice(SEED);
  const told = new Set<number>();
  for (let round = 0; round < 10; round++) {
    const ms = dice.below(60);
    const where = `round ${round}, ${ms} ms, seed ${SEED}`;
    for (const number of await killed("./memory_writer.ts", folder.path, ms)) told.add(number);
    await using memory = await openMemory(folder.path);
    const found = new Map(memory.entries("number/"));
    for (const number of told) {
      assertEquals(found.get(`number/${number}`), "x".repeat(number % 300), where);
    }
    assertEquals(memory.get("begun"), found.size, where);
  }
  assertGreater(told.size, 100);
});
