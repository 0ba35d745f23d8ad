import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import type { Disk, DiskFile } from "../../lib/system.ts";
import type { Machine } from "./machine.ts";
import { SECTOR_BYTES } from "./sim_file.ts";
import { bytesOf, Started, textOf } from "./started.ts";

interface Bench {
  readonly started: Started;
  readonly machine: Machine;
  readonly disk: Disk;
}

function bench(seed = 1): Bench {
  const started = new Started(seed, "one");
  return { started, machine: started.machines[0], disk: started.systems[0].disk };
}

/** Runs `use` on a new machine until it settles. */
async function on(use: (bench: Bench) => Promise<void>, seed = 1): Promise<Bench> {
  const made = bench(seed);
  await made.started.until(use(made));
  return made;
}

async function write(file: DiskFile, text: string): Promise<void> {
  for (let rest = bytesOf(text); rest.length > 0;) rest = rest.subarray(await file.write(rest));
}

/** Cuts the power once for each seed; returns what is left of the file each time. */
async function cuts(seeds: number, path: string, use: (bench: Bench) => Promise<void>) {
  const left: (string | undefined)[] = [];
  for (let seed = 0; seed < seeds; seed++) {
    const { machine } = await on(use, seed);
    machine.cutPower();
    left.push(textOf(machine.disk.content(path)));
  }
  return left;
}

Deno.test("SimDisk.open() reads, writes and appends as Deno does", async () => {
  await on(async ({ disk }) => {
    await disk.mkdir("a/b", { recursive: true });
    {
      using file = await disk.open("a/b/c", { write: true, createNew: true });
      await write(file, "hello");
      await file.seek(1, Deno.SeekMode.Start);
      await write(file, "u");
      assertEquals((await file.stat()).size, 5);
      await assertRejects(() => file.read(new Uint8Array(1)), Error, "(os error 9)");
    }
    {
      using file = await disk.open("./a/b/c", { append: true, read: true });
      await file.seek(0, Deno.SeekMode.Start);
      await write(file, "!");
      await file.seek(0, Deno.SeekMode.Start);
      const into = new Uint8Array(9);
      assertEquals(await file.read(into), 6);
      assertEquals(textOf(into.subarray(0, 6)), "hullo!");
      assertStrictEquals(await file.read(into), null);
      await file.truncate(2);
      await file.truncate(4);
    }
    assertEquals(await disk.lstat("a/b/c"), { isFile: true, size: 4 });
    using file = await disk.open("a/b/c");
    const into = new Uint8Array(4);
    await file.read(into);
    assertEquals(textOf(into), "hu\0\0");
    (await disk.open("a/b/c", { write: true, truncate: true })).close();
    assertEquals((await disk.lstat("a/b/c")).size, 0);
  });
});

Deno.test("SimDisk.open() throws the errors of Deno", async () => {
  await on(async ({ disk, machine }) => {
    machine.disk.put("folder/file", "x");
    const { errors } = Deno;
    await assertRejects(() => disk.open("missing"), errors.NotFound, "open 'missing'");
    await assertRejects(
      () => disk.open("no/where", { create: true, write: true }),
      errors.NotFound,
    );
    const createNew = { createNew: true, write: true };
    await assertRejects(() => disk.open("folder/file", createNew), errors.AlreadyExists);
    await assertRejects(() => disk.open("folder", { write: true }), errors.IsADirectory);
    await assertRejects(() => disk.open("folder/file/x"), errors.NotADirectory);
    await assertRejects(() => disk.open("new", { create: true }), Error, "require 'write'");
    using folder = await disk.open("folder");
    await assertRejects(() => folder.read(new Uint8Array(1)), errors.IsADirectory);
    using reader = await disk.open("folder/file");
    await assertRejects(() => reader.write(bytesOf("y")), Error, "(os error 9)");
    await assertRejects(() => reader.truncate(0), TypeError, "(os error 22)");
  });
});

Deno.test("SimDisk.open() returns a file that rejects calls after close()", async () => {
  await on(async ({ disk, machine }) => {
    machine.disk.put("file", "x");
    const file = await disk.open("file");
    file.close();
    await assertRejects(() => file.read(new Uint8Array(1)), Deno.errors.BadResource);
    await assertRejects(() => file.sync(), Deno.errors.BadResource);
  });
});

Deno.test("SimDisk.rename() and remove() change names as Deno does", async () => {
  const { machine } = await on(async ({ disk, machine }) => {
    for (const path of ["a/one", "a/two", "b/three"]) machine.disk.put(path, path);
    await disk.rename("a/one", "a/two");
    await disk.rename("a/two", "a/two");
    await disk.rename("b", "c");
    await disk.remove("c/three");
    await disk.remove("c");
    const { errors } = Deno;
    await assertRejects(() => disk.rename("a/one", "a/two"), errors.NotFound);
    await assertRejects(() => disk.rename("a", "a/b"), TypeError, "(os error 22)");
    await disk.mkdir("d", { recursive: true });
    await assertRejects(() => disk.rename("d", "a/two"), errors.NotADirectory);
    await assertRejects(() => disk.rename("a/two", "d"), errors.IsADirectory);
    await assertRejects(() => disk.rename("d", "a"), Error, "(os error 39)");
    await assertRejects(() => disk.remove("a"), Error, "(os error 39)");
    await assertRejects(() => disk.remove("c"), errors.NotFound);
    await assertRejects(() => disk.mkdir("a/two", { recursive: true }), errors.AlreadyExists);
  });
  assertEquals(machine.disk.paths(), ["a/two"]);
  assertEquals(textOf(machine.disk.content("a/two")), "a/one");
});

Deno.test("SimDisk.readDir() returns all names in random order", async () => {
  await on(async ({ disk, machine }) => {
    for (const name of "abcdef") machine.disk.put(`folder/${name}`, name);
    const orders = new Set<string>();
    for (let times = 0; times < 10; times++) {
      const names = (await Array.fromAsync(disk.readDir("folder"))).map(({ name }) => name);
      orders.add(names.join(""));
      assertEquals(names.sort().join(""), "abcdef");
    }
    assertGreater(orders.size, 5);
    await assertRejects(() => Array.fromAsync(disk.readDir("none")), Deno.errors.NotFound);
  });
});

Deno.test("SimDisk.tryLock() grants an exclusive lock until the file closes or the process ends", async () => {
  const { started, machine } = await on(async ({ disk, machine }) => {
    machine.disk.put("lock", "");
    using one = await disk.open("lock", { write: true });
    const other = await disk.open("lock", { write: true });
    assertEquals([await one.tryLock(true), await other.tryLock(true)], [true, false]);
    one.close();
    assertEquals(await other.tryLock(true), true);
  });
  for (const end of ["kill", "cutPower"] as const) {
    machine[end]();
    const { disk } = machine.boot();
    const again = await started.until(disk.open("lock"));
    assertEquals(await started.until(again.tryLock(true)), true);
  }
});

Deno.test("SimDisk.tryLock() grants shared locks, which exclude an exclusive lock", async () => {
  await on(async ({ disk, machine }) => {
    machine.disk.put("lock", "");
    using one = await disk.open("lock");
    using other = await disk.open("lock");
    assertEquals([await one.tryLock(false), await other.tryLock(false)], [true, true]);
    assertEquals(await one.tryLock(true), false);
    assertEquals(await other.tryLock(true), true);
  });
});

Deno.test("SimDisk.kill() keeps all written data", async () => {
  const { machine } = await on(async ({ disk }) => {
    const file = await disk.open("file", { write: true, create: true });
    await write(file, "unsynced");
  });
  machine.kill();
  assertEquals(textOf(machine.disk.content("file")), "unsynced");
  assertEquals(textOf(machine.disk.durableContent("file")), "");
});

Deno.test("SimDisk.cutPower() keeps synced data and a torn part of the rest", async () => {
  const records = ["B".repeat(300), "C".repeat(300), "D".repeat(300)];
  const left = await cuts(200, "file", async ({ disk, machine }) => {
    machine.disk.put("file", "");
    const file = await disk.open("file", { append: true });
    await write(file, "A");
    await file.syncData();
    for (const record of records) await write(file, record);
  });
  const whole = "A" + records.join("");
  for (const text of left) {
    assert(text !== undefined && whole.startsWith(text.replace(/\0+[B-D]*$/, "")), text);
    assertEquals(text[0], "A");
  }
  const lengths = left.map((text) => text!.length);
  for (const length of [1, 301, 601, 901]) assert(lengths.includes(length), `none of ${length}`);
  assert(lengths.some((length) => length % 300 !== 1), "none is torn");
  assert(lengths.some((length) => length === SECTOR_BYTES), "none is torn at a sector");
  assert(left.some((text) => text!.includes("\0")), "none has a hole");
});

Deno.test("SimDisk.cutPower() makes holes only in the part by which the file grew", async () => {
  const left = await cuts(200, "file", async ({ disk, machine }) => {
    machine.disk.put("file", "A".repeat(2_000));
    const file = await disk.open("file", { write: true });
    await write(file, "B".repeat(1_000));
  });
  for (const text of left) assert(/^B*A*$/.test(text!) && text!.length === 2_000);
  assert(left.some((text) => text!.startsWith("B")) && left.some((text) => text!.startsWith("A")));
});

Deno.test("SimDisk.cutPower() may undo an unsynced truncation", async () => {
  const left = await cuts(50, "file", async ({ disk, machine }) => {
    machine.disk.put("file", "whole");
    await (await disk.open("file", { write: true })).truncate(2);
  });
  assertEquals(new Set(left), new Set(["whole", "wh"]));
});

Deno.test("SimDisk.cutPower() may lose a name whose folder is not synced", async () => {
  const use = (sync: boolean) => async ({ disk }: Bench) => {
    await disk.mkdir("folder", { recursive: true });
    using file = await disk.open("folder/file", { write: true, create: true });
    await write(file, "x");
    await file.sync();
    if (!sync) return;
    using folder = await disk.open("folder");
    await folder.sync();
  };
  assertEquals(new Set(await cuts(50, "folder/file", use(false))), new Set([undefined, "x"]));
  assertEquals(new Set(await cuts(50, "folder/file", use(true))), new Set(["x"]));
});

Deno.test("SimDisk.cutPower() keeps renames and removals in order", async () => {
  for (let seed = 0; seed < 50; seed++) {
    const { machine } = await on(async ({ disk, machine }) => {
      machine.disk.put("folder/1", "");
      for (let name = 1; name < 5; name++) {
        await disk.rename(`folder/${name}`, `folder/${name + 1}`);
      }
      await disk.remove("folder/5");
      (await disk.open("folder/6", { write: true, createNew: true })).close();
    }, seed);
    machine.cutPower();
    const paths = machine.disk.paths();
    assert(paths.length <= 1, `Both are there: ${paths}`);
  }
});

Deno.test("SimDisk.cutPower() keeps the last names in a synced folder", async () => {
  const { machine } = await on(async ({ disk }) => {
    await disk.mkdir("above/folder", { recursive: true });
    await disk.mkdir("elsewhere", { recursive: true });
    for (const name of ["1", "2", "1"]) {
      (await disk.open(`elsewhere/${name}`, { write: true, createNew: true })).close();
      await disk.rename(`elsewhere/${name}`, "above/folder/file");
      await disk.rename("above/folder/file", `above/folder/${name}`);
    }
    await disk.remove("above/folder/1");
    using folder = await disk.open("above/folder");
    await folder.sync();
  });
  machine.cutPower();
  assertEquals(machine.disk.paths(), ["above/folder/2"]);
});

Deno.test("SimDisk.kill() prevents a pending write or comes after it", async () => {
  const left = new Set<string | undefined>();
  for (let seed = 0; seed < 50; seed++) {
    const { started, machine } = await on(async ({ disk, started, machine }) => {
      machine.disk.put("file", "");
      const file = await disk.open("file", { append: true });
      file.write(bytesOf("x"));
      await new Promise<void>((resolve) => void started.timeline.after(0.05, resolve));
    }, seed);
    machine.kill();
    const before = textOf(machine.disk.content("file"));
    await started.pass(1_000);
    assertEquals(textOf(machine.disk.content("file")), before);
    left.add(before);
  }
  assertEquals(left, new Set(["", "x"]));
});

Deno.test("SimDisk.cutPower() leaves the old or the new file after a replacement", async () => {
  const replace = (syncs: boolean) => async ({ disk, machine }: Bench) => {
    machine.disk.put("folder/file", "old");
    using file = await disk.open("folder/new", { write: true, createNew: true });
    await write(file, "new");
    if (syncs) await file.syncData();
    await disk.rename("folder/new", "folder/file");
  };
  assertEquals(new Set(await cuts(50, "folder/file", replace(true))), new Set(["old", "new"]));
  const unsafe = await cuts(50, "folder/file", replace(false));
  assert(unsafe.includes(""), "no file without its content, though it was not synced");
});

Deno.test("SimDisk.faults can shorten writes", async () => {
  await on(async ({ disk, machine }) => {
    machine.disk.faults.chance.shortWrite = 0.5;
    const file = await disk.open("file", { write: true, create: true });
    const taken = [];
    for (let times = 0; times < 100; times++) taken.push(await file.write(new Uint8Array(100)));
    const short = taken.filter((bytes) => bytes < 100);
    assertEquals(short.length, machine.disk.faults.happened.shortWrite);
    assert(short.length > 20 && short.length < 80 && Math.min(...short) > 0);
    assertEquals((await file.stat()).size, taken.reduce((sum, bytes) => sum + bytes));
  });
});

Deno.test("SimDisk.faults can fill the disk in the middle of a write", async () => {
  await on(async ({ disk, machine }) => {
    const file = await disk.open("file", { write: true, create: true });
    machine.disk.faults.chance.noSpace = 1;
    const taken = await file.write(new Uint8Array(100));
    assertLess(taken, 100);
    machine.disk.faults.calm();
    const error = await assertRejects(() => file.write(new Uint8Array(100)), Error);
    assertEquals(error.message, "No space left on device (os error 28)");
    assertEquals((error as Error & { code: string }).code, "ENOSPC");
    assertEquals(await file.write(new Uint8Array(100)), 100);
    assertEquals((await file.stat()).size, taken + 100);
  });
});

Deno.test("SimDisk.capacityBytes limits the disk; truncate and remove free space", async () => {
  await on(async ({ disk, machine }) => {
    machine.disk.capacityBytes = 150;
    const [one, two] = await Promise.all(
      ["one", "two"].map((path) => disk.open(path, { write: true, create: true })),
    );
    assertEquals(await one.write(new Uint8Array(100)), 100);
    assertEquals(await two.write(new Uint8Array(100)), 50);
    await assertRejects(() => two.write(new Uint8Array(1)), Error, "(os error 28)");
    await one.seek(0, Deno.SeekMode.Start);
    assertEquals(await one.write(new Uint8Array(100)), 100); // in place
    await one.truncate(90);
    assertEquals(await two.write(new Uint8Array(100)), 10);
    await disk.remove("one");
    assertEquals(await two.write(new Uint8Array(100)), 90);
  });
});

Deno.test("SimDisk.faults can fail a sync, and its data never becomes durable", async () => {
  const { machine } = await on(async ({ disk, machine }) => {
    machine.disk.put("file", "");
    const file = await disk.open("file", { append: true });
    await write(file, "lost ");
    machine.disk.faults.chance.failedSync = 1;
    const error = await assertRejects(() => file.syncData(), Error);
    assertEquals(error.message, "Input/output error (os error 5)");
    assertEquals((error as Error & { code: string }).code, "EIO");
    machine.disk.faults.calm();
    await write(file, "kept");
    await file.syncData();
  });
  assertEquals(textOf(machine.disk.content("file")), "lost kept");
  machine.cutPower();
  assertEquals(textOf(machine.disk.content("file")), "\0\0\0\0\0kept");
});

Deno.test("SimDisk.unfaithful loses synced data", async () => {
  const left = await cuts(50, "file", async ({ disk, machine }) => {
    machine.disk.put("file", "");
    machine.disk.unfaithful = true;
    const file = await disk.open("file", { append: true });
    await write(file, "record");
    await file.sync();
  });
  assert(left.some((text) => text !== "record"));
});

Deno.test("SimDisk.open() takes time, and more on a slow disk", async () => {
  const { started, disk, machine } = bench();
  machine.disk.faults.chance.slow = 0;
  machine.disk.put("file", "");
  const before = started.timeline.now;
  const file = await started.until(disk.open("file", { write: true }));
  const quick = started.timeline.now - before;
  assert(quick > 0 && quick < 1, `${quick} ms`);
  machine.disk.faults.chance.slow = 1;
  await started.until(file.sync());
  assertGreater(started.timeline.now - before - quick, 50);
});

Deno.test("SimDisk.open() returns a file that runs its calls one after another", async () => {
  const { machine } = await on(async ({ disk }) => {
    const file = await disk.open("file", { write: true, create: true });
    await Promise.all(Array.from("abcdefgh", (letter) => file.write(bytesOf(letter))));
  });
  assertEquals(textOf(machine.disk.content("file")), "abcdefgh");
});
