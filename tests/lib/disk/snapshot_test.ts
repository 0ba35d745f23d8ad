import { assertEquals, assertRejects } from "@std/assert";
import { Damage } from "../../../lib/disk/damage.ts";
import { ExitError } from "../../../lib/exit.ts";
import type { Json } from "../../../lib/json.ts";
import { crc32, crcText, START } from "../../../lib/disk/record.ts";
import { encodeSnapshot, readSnapshot, type Snapshot } from "../../../lib/disk/snapshot.ts";
import { Dice } from "../../harness/dice.ts";
import { type Disk, type DiskFile, SYSTEM } from "../../../lib/system.ts";
import { systemError } from "./faulty_disk.ts";
import { TempFolder } from "../../harness/temp_folder.ts";
import { within } from "../../harness/waiting.ts";

const SEED = 77;
const POSITION = { seq: 41, crc: 0x0badcafe };
const ENTRIES: [string, Json][] = [
  ["plain", 1],
  ["", null],
  ["__proto__", { polluted: true }],
  ["constructor", [JSON.parse('{"__proto__":{"polluted":true},"toString":1}')]],
  ["1", "a key that looks like a number"],
  ['quote " backslash \\ brace } comma ,', "}"],
  ["line\nfeed \u2028 \u0000 \u007f", ["\r\n", "\ud800"]],
  ["ключ 😀", { "": "значение" }],
];

async function write(path: string, snapshot: Snapshot, role = "tester"): Promise<void> {
  await Deno.writeFile(path, ReadableStream.from(encodeSnapshot(role, snapshot)));
}

Deno.test("readSnapshot() returns what encodeSnapshot() wrote, in the same order", async () => {
  await using folder = await TempFolder.make();
  const path = `${folder.path}/memory.json`;
  for (const count of [0, 1, ENTRIES.length]) {
    const snapshot = { entries: new Map(ENTRIES.slice(0, count)), position: POSITION };
    await write(path, snapshot);
    const found = await readSnapshot(path, "tester");
    assertEquals([...found.entries], ENTRIES.slice(0, count));
    assertEquals(found.position, POSITION);
  }
  assertEquals(({} as { polluted?: true }).polluted, undefined);
});

Deno.test("encodeSnapshot() writes plain JSON, one entry a line", async () => {
  await using folder = await TempFolder.make();
  const path = `${folder.path}/memory.json`;
  await write(path, { entries: new Map(ENTRIES), position: POSITION });
  const text = await Deno.readTextFile(path);
  const { entries, sum, ...head } = JSON.parse(text);
  assertEquals(head, { memory: 1, role: "tester", seq: 41, crc: "0badcafe" });
  assertEquals(Object.keys(entries).length, ENTRIES.length);
  assertEquals(text.split("\n").length, ENTRIES.length + 3);
  const covered = text.slice(0, text.lastIndexOf("}", text.length - 4));
  assertEquals(sum, crcText(crc32(new TextEncoder().encode(covered))));
});

Deno.test("readSnapshot() reads a file that is larger than its blocks and parts", async () => {
  await using folder = await TempFolder.make();
  const path = `${folder.path}/memory.json`;
  const dice = new Dice(SEED);
  const sizes = Array.from({ length: 500 }, () => dice.pick([0, 10, 3_000, 70_000]));
  const entries = new Map<string, Json>(
    sizes.map((size, at) => [`key/${at}`, "é".repeat(size)]),
  );
  entries.set("large", Array.from({ length: 300_000 }, (_, at) => at));
  await write(path, { entries, position: POSITION });
  assertEquals((await readSnapshot(path, "tester")).entries, entries);
});

Deno.test("readSnapshot() returns no entries if there is no file", async () => {
  await using folder = await TempFolder.make();
  const found = await readSnapshot(`${folder.path}/memory.json`, "tester");
  assertEquals(found, { entries: new Map(), position: START });
});

Deno.test("readSnapshot() refuses any flipped bit", async () => {
  await using folder = await TempFolder.make();
  const path = `${folder.path}/memory.json`;
  await write(path, { entries: new Map(ENTRIES), position: POSITION });
  const whole = await Deno.readFile(path);
  const dice = new Dice(SEED);
  for (let at = 0; at < whole.length; at++) {
    const bit = dice.below(8);
    const flipped = whole.slice();
    flipped[at] ^= 1 << bit;
    await Deno.writeFile(path, flipped);
    const where = `bit ${bit} of byte ${at}, seed ${SEED}`;
    const error = await assertRejects(() => readSnapshot(path, "tester"), ExitError, path, where);
    assertEquals(error.reason, "damaged", where);
  }
});

Deno.test("readSnapshot() refuses a file that is cut off at any byte", async () => {
  await using folder = await TempFolder.make();
  const path = `${folder.path}/memory.json`;
  await write(path, { entries: new Map(ENTRIES), position: POSITION });
  for (let size = (await Deno.stat(path)).size - 1; size >= 0; size--) {
    await Deno.truncate(path, size);
    await assertRejects(() => readSnapshot(path, "tester"), ExitError, path, `size ${size}`);
  }
});

Deno.test("readSnapshot() refuses lines that are lost, doubled or swapped", async () => {
  await using folder = await TempFolder.make();
  const path = `${folder.path}/memory.json`;
  await write(path, { entries: new Map(ENTRIES), position: POSITION });
  const lines = (await Deno.readTextFile(path)).split("\n");
  for (
    const changed of [
      lines.toSpliced(2, 1),
      lines.toSpliced(2, 0, lines[2]),
      lines.toSpliced(2, 2, lines[3], lines[2]),
    ]
  ) {
    await Deno.writeTextFile(path, changed.join("\n"));
    await assertRejects(() => readSnapshot(path, "tester"), ExitError, "its checksum is wrong");
  }
});

Deno.test("readSnapshot() refuses another role and a newer format", async () => {
  await using folder = await TempFolder.make();
  const path = `${folder.path}/memory.json`;
  await write(path, { entries: new Map(), position: POSITION }, "other");
  await assertRejects(
    () => readSnapshot(path, "tester"),
    ExitError,
    'it belongs to "other", not "tester"',
  );
  const covered = '{"memory":2,"role":"tester","seq":1,"crc":"00000000","entries":{\n';
  const sum = crcText(crc32(new TextEncoder().encode(covered)));
  await Deno.writeTextFile(path, `${covered}},"sum":"${sum}"}\n`);
  await assertRejects(() => readSnapshot(path, "tester"), ExitError, "format 2 is newer than 1");
});

Deno.test("readSnapshot() refuses at once a path that is no plain file", async () => {
  await using folder = await TempFolder.make();
  const path = `${folder.path}/memory.json`;
  const kinds: (() => Promise<unknown>)[] = [
    () => Deno.mkdir(path),
    () => new Deno.Command("mkfifo", { args: [path] }).output(),
    () => Deno.symlink("/dev/zero", path),
    () => Deno.symlink(`${folder.path}/none`, path),
  ];
  for (const make of kinds) {
    await make();
    await assertRejects(
      () => within(readSnapshot(path, "tester"), "the snapshot to be read"),
      ExitError,
      "it is not a plain file",
    );
    await Deno.remove(path);
  }
});

Deno.test("readSnapshot() tells a failing disk from a damaged file", async () => {
  await using folder = await TempFolder.make();
  const path = `${folder.path}/memory.json`;
  // The content of a file may look like an error of the operating system.
  await Deno.writeTextFile(path, systemError("EIO").message + "\n");
  await assertRejects(() => readSnapshot(path, "tester"), Damage, "line 1 is damaged");
  const failing = {
    read: () => Promise.reject(systemError("EIO")),
    [Symbol.dispose]: () => {},
  } as unknown as DiskFile;
  const disk: Disk = { ...SYSTEM.disk, open: () => Promise.resolve(failing) };
  const error = await assertRejects(() => readSnapshot(path, "tester", disk));
  assertEquals([(error as { code?: string }).code, error instanceof ExitError], ["EIO", false]);
});
