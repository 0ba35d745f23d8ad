/**
 * A crash at every byte, and a flipped bit in every byte. Seen to fail if a record's checksum is not
 * compared.
 *
 * @module
 */
import { assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { ExitError } from "../../../lib/exit.ts";
import { Journal } from "../../../lib/disk/journal.ts";
import type { Json } from "../../../lib/json.ts";
import { START } from "../../../lib/disk/record.ts";
import { newSegment } from "../../../lib/disk/segment.ts";
import { Dice } from "../../harness/dice.ts";
import { unsyncedDisk } from "./faulty_disk.ts";
import { openJournal, readBack } from "./journals.ts";
import { copyFolder, TempFolder } from "../../harness/temp_folder.ts";
import { within } from "../../harness/waiting.ts";

const SEED = 20_240_917;
/** Enough for each kind three times and for numbers of one and two digits. */
const RECORDS = 10;
const encoder = new TextEncoder();

/**
 * Returns records of three kinds, with characters that are one bit away from a line feed, a NUL and a
 * digit.
 */
function records(count: number): Json[] {
  return Array.from({ length: count }, (_, at) => ({ at, text: "*@ \n:é".repeat(at % 3) }));
}

/** Writes the records into `segments` segments. */
async function write(folder: string, values: Json[], segments: number): Promise<void> {
  const { journal } = await openJournal(folder);
  const each = Math.ceil(values.length / segments);
  for (const [at, value] of values.entries()) {
    if (at > 0 && at % each === 0) await journal.rotate();
    await journal.append(value);
  }
  await journal.close();
}

function assertDamaged(found: Json[] | ExitError, path: string, at: string): void {
  assertInstanceOf(found, ExitError, at);
  assertEquals([found.reason, found.exitCode], ["damaged", 65], at);
  assertStringIncludes(found.message, `"${path}" at byte `, at);
}

for (const segments of [1, 3]) {
  Deno.test(`Journal.open() opens with a last segment that is cut off at any byte, of ${segments}`, async () => {
    await using folder = await TempFolder.make();
    using _ = unsyncedDisk();
    const values = records(RECORDS);
    await write(folder.path, values, segments);
    const path = (await folder.segments()).at(-1)!;
    const whole = await Deno.readFile(path);
    const ends = Array.from(whole.keys()).filter((at) => whole[at] === 0x0a).map((at) => at + 1);
    const earlier = values.length - (ends.length - 1);

    for (let size = 0; size <= whole.length; size++) {
      const at = `cut at ${size} of ${whole.length}`;
      await using copy = await TempFolder.make();
      copyFolder(folder.path, copy.path);
      const torn = path.replace(folder.path, copy.path);
      await Deno.truncate(torn, size);

      const { journal, replayed, log } = await openJournal(copy.path);
      const kept = earlier + Math.max(0, ends.filter((end) => end <= size).length - 1);
      assertEquals(replayed, values.slice(0, kept), at);
      const end = ends.findLast((end) => end <= size) ?? 0;
      const isCut = end < size || end === 0;
      assertEquals(log.map(({ event }) => event), isCut ? ["journal_tail_cut"] : [], at);
      if (end < size) {
        const aside = `${torn}.cut-at-${end}`;
        assertEquals(log[0].fields, { path: torn, offset: end, bytes: size - end, kept_in: aside });
        assertEquals(await Deno.readFile(aside), whole.slice(end, size), at);
      }

      await journal.append("after the crash");
      await journal.close();
      assertEquals(await readBack(copy.path), [...values.slice(0, kept), "after the crash"], at);
    }
  });

  Deno.test(`Journal.open() refuses every flipped bit except in the last line feed, of ${segments}`, async () => {
    await using folder = await TempFolder.make();
    using _ = unsyncedDisk();
    const values = records(RECORDS);
    await write(folder.path, values, segments);
    const paths = await folder.segments();

    for (const path of paths) {
      const whole = await Deno.readFile(path);
      using file = await Deno.open(path, { write: true });
      for (const [at, byte] of whole.entries()) {
        for (let bit = 0; bit < 8; bit++) {
          const where = `bit ${bit} of byte ${at} in ${path}`;
          const flipped = whole.with(at, byte ^ 1 << bit);
          writeAt(file, at, flipped.subarray(at, at + 1));
          const found = await readBack(folder.path);
          if (path === paths.at(-1) && at === whole.length - 1) {
            assertEquals(found, values.slice(0, -1), where);
            file.truncateSync(0);
            writeAt(file, 0, whole);
          } else {
            assertDamaged(found, path, where);
            const left = await Deno.readFile(path);
            assertEquals(
              left.toHex(),
              flipped.toHex(),
              `a refused segment is not changed, ${where}`,
            );
            writeAt(file, at, whole.subarray(at, at + 1));
          }
        }
      }
    }
    assertEquals(await readBack(folder.path), values);
  });
}

function writeAt(file: Deno.FsFile, at: number, bytes: Uint8Array): void {
  file.seekSync(at, Deno.SeekMode.Start);
  file.writeSync(bytes);
}

Deno.test("Journal.open() cuts a tail of NULs of any length", async () => {
  await using folder = await TempFolder.make();
  using _ = unsyncedDisk();
  const values = records(5);
  await write(folder.path, values, 1);
  const [path] = await folder.segments();
  const whole = await Deno.readFile(path);
  const lengths = [...Array.from({ length: 64 }, (_, at) => at + 1), 511, 512, 513, 4095, 4096];
  for (const begun of ["", '{"crc":"12']) {
    for (const length of lengths) {
      const tail = [...encoder.encode(begun), ...new Uint8Array(length)];
      await Deno.writeFile(path, new Uint8Array([...whole, ...tail]));
      assertEquals(await readBack(folder.path), values, `"${begun}" and ${length} NULs`);
      assertEquals(await Deno.readFile(path), whole);
    }
  }
});

Deno.test("Journal.open() cuts sectors that were never filled, even if later sectors were", async () => {
  await using folder = await TempFolder.make();
  const values = records(5);
  await write(folder.path, values, 1);
  const [path] = await folder.segments();
  const whole = await Deno.readFile(path);
  const toSector = 512 - whole.length % 512;
  for (const hole of [toSector, toSector + 512, toSector + 4096]) {
    const later = encoder.encode('5,"rec":"the end of a record"}\n');
    await Deno.writeFile(path, new Uint8Array([...whole, ...new Uint8Array(hole), ...later]));
    assertEquals(await readBack(folder.path), values, `hole of ${hole} bytes`);
  }
});

Deno.test("Journal.open() refuses NULs before data that do not fill whole sectors", async () => {
  await using folder = await TempFolder.make();
  const values = records(8);
  await write(folder.path, values, 1);
  const [path] = await folder.segments();
  const whole = await Deno.readFile(path);
  const later = encoder.encode('{"crc":"00000000","seq":10,"rec":1}\n');
  await Deno.writeFile(path, new Uint8Array([...whole, 0, 0, 0, ...later]));
  assertDamaged(await readBack(folder.path), path, "three NULs before a line");

  const holed = whole.slice();
  holed[whole.indexOf("@".charCodeAt(0))] = 0;
  await Deno.writeFile(path, holed);
  assertDamaged(await readBack(folder.path), path, "a NUL where a character was");
});

Deno.test("Journal.open() refuses damage in a segment that is not the last, even a torn tail", async () => {
  await using folder = await TempFolder.make();
  await write(folder.path, records(9), 3);
  const [first, second] = await folder.segments();
  for (const path of [first, second]) {
    const whole = await Deno.readFile(path);
    for (const size of [0, 10, whole.length - 1]) {
      await Deno.writeFile(path, whole.slice(0, size));
      assertDamaged(await readBack(folder.path), path, `${path} cut to ${size}`);
    }
    await Deno.writeFile(path, new Uint8Array([...whole, ...new Uint8Array(512)]));
    assertDamaged(await readBack(folder.path), path, `${path} with NULs at its end`);
    await Deno.writeFile(path, whole);
  }
});

Deno.test("Journal.open() reports the byte at which the damage begins", async () => {
  await using folder = await TempFolder.make();
  await write(folder.path, records(6), 1);
  const [path] = await folder.segments();
  const lines = (await Deno.readTextFile(path)).split("\n");
  const offset = lines.slice(0, 3).join("\n").length + 1;
  for (
    const [what, changed] of [
      ["lost", lines.toSpliced(3, 1)],
      ["doubled", lines.toSpliced(3, 0, lines[2])],
      ["swapped", lines.toSpliced(3, 2, lines[4], lines[3])],
      ["empty", lines.toSpliced(3, 0, "")],
    ] as const
  ) {
    await Deno.writeTextFile(path, changed.join("\n"));
    const found = await readBack(folder.path);
    assertInstanceOf(found, ExitError, what);
    const text = encoder.encode(lines.slice(0, 3).join("\n")).length + 1;
    assertStringIncludes(found.message, `"${path}" at byte ${text}`, `${what}, ${offset}`);
  }
});

Deno.test("Journal.open() refuses a segment that is missing, swapped or has the name of another", async () => {
  await using folder = await TempFolder.make();
  await write(folder.path, records(12), 4);
  const paths = await folder.segments();
  const swap = async (a: string, b: string): Promise<void> => {
    await Deno.rename(a, `${folder.path}/aside`);
    await Deno.rename(b, a);
    await Deno.rename(`${folder.path}/aside`, b);
  };
  for (const missing of paths.slice(0, -1)) {
    await Deno.rename(missing, `${folder.path}/aside`);
    const found = await readBack(folder.path);
    assertInstanceOf(found, ExitError, missing);
    assertEquals(found.reason, "damaged");
    await Deno.rename(`${folder.path}/aside`, missing);
  }
  for (const [a, b] of [[0, 1], [1, 2], [2, 3], [0, 3]]) {
    await swap(paths[a], paths[b]);
    assertDamaged(await readBack(folder.path), paths[a], `${a} and ${b} swapped`);
    await swap(paths[a], paths[b]);
  }
  for (const path of paths.slice(0, 3)) await Deno.remove(path);
  await Deno.rename(paths[3], paths[0]);
  assertDamaged(
    await readBack(folder.path),
    paths[0],
    "the last segment with the name of the first",
  );
});

Deno.test("Journal.open() refuses at once a segment that is no plain file", async () => {
  await using folder = await TempFolder.make();
  const path = newSegment(folder.path, "tester", START).segment.path;
  const kinds: Record<string, () => Promise<unknown>> = {
    directory: () => Deno.mkdir(path),
    pipe: () => new Deno.Command("mkfifo", { args: [path] }).output(),
    link: () => Deno.symlink("/dev/zero", path),
    "link to nothing": () => Deno.symlink(`${folder.path}/none`, path),
  };
  for (const [kind, make] of Object.entries(kinds)) {
    await make();
    const found = await within(readBack(folder.path), "the segments to be read");
    assertInstanceOf(found, ExitError, kind);
    assertStringIncludes(found.message, `"${path}": it is not a plain file`, kind);
    await Deno.remove(path);
  }
});

Deno.test("Journal.open() begins anew if the first segment has no whole header", async () => {
  await using folder = await TempFolder.make();
  const { segment, line } = newSegment(folder.path, "tester", START);
  for (const size of [0, 1, line.length - 1, line.length]) {
    await Deno.writeFile(segment.path, line.slice(0, size));
    const { journal, replayed } = await openJournal(folder.path);
    await journal.append(size);
    await journal.close();
    assertEquals(replayed, []);
    assertEquals(await readBack(folder.path), [size]);
    await Deno.remove(segment.path);
  }
});

Deno.test("Journal.open() appends to the segment before one without a whole header", async () => {
  await using folder = await TempFolder.make();
  const values = records(4);
  await write(folder.path, values, 2);
  const { journal } = await openJournal(folder.path);
  const position = await journal.rotate();
  await journal.close();
  const { segment, line } = newSegment(folder.path, "tester", position);
  for (const size of [0, 1, line.length - 1]) {
    await Deno.truncate(segment.path, size);
    const opened = await openJournal(folder.path);
    assertEquals(opened.replayed, values);
    assertEquals((await folder.segments()).length, 2);
    await opened.journal.rotate();
    await opened.journal.close();
    assertEquals((await folder.segments()).at(-1), segment.path);
  }
});

Deno.test("Journal.open() replays only records after the snapshot, and reads no older segment", async () => {
  await using folder = await TempFolder.make();
  const { journal } = await openJournal(folder.path);
  await journal.append("old");
  const position = await journal.rotate();
  await journal.append("new");
  await journal.close();
  assertEquals(await readBack(folder.path, { after: position }), ["new"]);

  const [older] = await folder.segments();
  await Deno.writeTextFile(older, "a crash cut its removal short\n");
  const opened = await openJournal(folder.path, { after: position });
  assertEquals(opened.replayed, ["new"]);
  await opened.journal.removeUpTo(position);
  await opened.journal.close();
  assertEquals((await folder.segments()).length, 1);
  assertEquals(opened.journal.bytes, (await Deno.stat((await folder.segments())[0])).size);
  assertEquals(await readBack(folder.path, { after: position }), ["new"]);
});

Deno.test("Journal.open() refuses a snapshot whose position is not in the journal", async () => {
  await using folder = await TempFolder.make();
  const { journal } = await openJournal(folder.path);
  await journal.append("old");
  const position = await journal.rotate();
  await journal.append("new");
  await journal.removeUpTo(position);
  await journal.close();
  const refused = async (after: { seq: number; crc: number }, why: string): Promise<void> => {
    const found = await readBack(folder.path, { after });
    assertInstanceOf(found, ExitError, why);
    assertStringIncludes(found.message, why);
  };
  await refused(
    { ...position, crc: position.crc ^ 1 },
    `the journal before it ends with record ${position.seq}`,
  );
  await refused(
    { seq: position.seq + 1, crc: position.crc },
    `it is missing, and with it the records after ${position.seq + 1}`,
  );
  await refused(
    { seq: position.seq + 9, crc: position.crc },
    `the records after ${position.seq + 9}`,
  );
  await refused(START, "the records after 0");

  const [only] = await folder.segments();
  const whole = await Deno.readFile(only);
  await Deno.truncate(only, 20);
  await refused(position, `"${only}" at byte 0`);
  await Deno.writeFile(only, whole);
  assertEquals(await readBack(folder.path, { after: position }), ["new"]);
  await Deno.remove(only);
  await refused(position, `the records after ${position.seq}`);
});

Deno.test("Journal.open() reads small and large records across its blocks", async () => {
  await using folder = await TempFolder.make();
  const { journal } = await openJournal(folder.path);
  const dice = new Dice(SEED);
  const values = Array.from({ length: 300 }, () => "x".repeat(dice.pick([1, 100, 5_000, 70_000])));
  await Promise.all(values.map((value) => journal.append(value)));
  await journal.close();
  const size = (await Deno.stat((await folder.segments())[0])).size;
  assertEquals(journal.bytes, size);
  assertEquals(await readBack(folder.path), values);
});

Deno.test("Journal.open() reads 100,000 records within 10 s", async () => {
  await using folder = await TempFolder.make();
  const journal: Journal = (await openJournal(folder.path)).journal;
  const appends = Array.from({ length: 100_000 }, (_, at) => journal.append(["key/" + at, at]));
  await Promise.all(appends);
  await journal.close();
  const begun = performance.now();
  const found = await readBack(folder.path);
  const ms = performance.now() - begun;
  assertEquals((found as Json[]).length, 100_000);
  assertEquals(ms < 10_000, true, `it took ${ms} ms`);
});
