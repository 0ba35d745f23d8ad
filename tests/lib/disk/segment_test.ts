import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ExitError } from "../../../lib/exit.ts";
import { encodeRecord, START } from "../../../lib/disk/record.ts";
import { checkHeader, findSegments, newSegment, readStart } from "../../../lib/disk/segment.ts";
import { Damage } from "../../../lib/disk/damage.ts";
import { TempFolder } from "../../harness/temp_folder.ts";

Deno.test("findSegments() returns the segments in order, and no other file", async () => {
  await using folder = await TempFolder.make();
  const names = [
    "journal-000000000010.ndjson",
    "journal-000000000009.ndjson",
    "journal-000000000009.ndjson.cut-at-12",
    "journal-9.ndjson",
    "memory.json",
    "lock",
  ];
  for (const name of names) await Deno.writeTextFile(`${folder.path}/${name}`, "");
  const found = await findSegments(folder.path);
  assertEquals(found.map(({ first }) => first), [9, 10]);
});

const { segment, line, position } = newSegment("folder", "tester", START);

function check(header: Uint8Array, after = START, role = "tester"): unknown {
  return checkHeader(header.subarray(0, -1), segment, role, after);
}

Deno.test("newSegment() names the segment after its first record and makes a header for it", () => {
  assertEquals(segment, { path: "folder/journal-000000000001.ndjson", first: 1 });
  const header = JSON.parse(new TextDecoder().decode(line));
  const after = { seq: 0, crc: "00000000" };
  assertEquals([header.seq, header.rec], [1, { journal: 1, role: "tester", after }]);
  assertEquals(position, { seq: 1, crc: parseInt(header.crc, 16) });
});

Deno.test("checkHeader() returns the position of a whole header, and nothing for any other line", () => {
  assertEquals(check(line), START);
  const damaged = line.slice();
  damaged[damaged.length - 5] ^= 1;
  assertEquals([check(damaged), check(line.slice(0, 20))], [undefined, undefined]);
  assertEquals(check(encodeRecord(START, '"no header"').line), undefined);
});

Deno.test("checkHeader() reports a segment that begins elsewhere as damage", () => {
  assertThrows(() => check(line, { seq: 0, crc: 1 }), Damage, "it follows record 0 (00000000)");
  const second = newSegment("folder", "tester", position);
  assertThrows(() => check(second.line, position), Damage, "its name says record 1");
});

Deno.test("checkHeader() reports another role and a newer format, but not as damage", () => {
  const other = assertThrows(() => check(line, START, "other"), ExitError);
  assertStringIncludes(other.message, 'it belongs to "tester", not "other"');
  const header = { journal: 2, role: "tester", after: { seq: 0, crc: "00000000" } };
  const newer = encodeRecord(START, JSON.stringify(header)).line;
  const error = assertThrows(() => check(newer), ExitError);
  assertStringIncludes(error.message, "format 2 is newer than 1, use a newer Baton");
  assertEquals([other, error].map((error) => error instanceof Damage), [false, false]);
});

Deno.test("readStart() returns where a segment begins, or nothing without a whole header", async () => {
  await using folder = await TempFolder.make();
  const path = `${folder.path}/segment`;
  const start = { seq: 7, crc: 0xff };
  const header = newSegment("folder", "tester", start).line;
  for (const [bytes, expected] of [[header, start], [header.slice(0, -2), undefined]] as const) {
    await Deno.writeFile(path, bytes);
    assertEquals(await readStart({ path, first: 8 }), expected);
  }
  assertEquals(await readStart({ path: folder.path, first: 8 }), undefined, "a folder");
});
