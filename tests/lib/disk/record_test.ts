import { assertEquals, assertNotEquals } from "@std/assert";
import type { Json } from "../../../lib/json.ts";
import {
  crc32,
  crcText,
  decodeRecord,
  encodeRecord,
  type JournalPosition,
  peekRecord,
  START,
} from "../../../lib/disk/record.ts";
import { Dice } from "../../harness/dice.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const VALUES: Json[] = [
  null,
  "",
  'line\nbreak \u2028 " \\ \u0000 \ud83d\ude00 é',
  "\ud800 alone",
  [1.5, -1, 1e300, true, [[]]],
  { "": 1, ["__proto__"]: { polluted: true }, "constructor": null, "ключ": "значение" },
];

/** Encodes values as records that follow one another. */
function chain(
  values: Json[],
  after: JournalPosition = START,
): { lines: Uint8Array[]; position: JournalPosition } {
  let position = after;
  const lines = values.map((value) => {
    const encoded = encodeRecord(position, JSON.stringify(value));
    position = encoded.position;
    return encoded.line;
  });
  return { lines, position };
}

/** Decodes lines up to the first that is not the next record. */
function decodeAll(lines: Uint8Array[], after: JournalPosition = START): Json[] {
  const found: Json[] = [];
  let position = after;
  for (const line of lines) {
    const record = decodeRecord(line.subarray(0, line.length - 1), position);
    if (record === undefined) break;
    found.push(record.rec);
    position = record.position;
  }
  return found;
}

Deno.test("crc32() agrees with zlib", () => {
  assertEquals(crc32(encoder.encode("123456789")), 0xcbf43926);
  assertEquals(crc32(new Uint8Array()), 0);
  assertEquals(crc32(new Uint8Array(32)), 0x190a55ad);
  assertEquals(crc32(new Uint8Array(32).fill(255)), 0xff6cab0b);
});

Deno.test("crc32() continues an earlier checksum", () => {
  const bytes = encoder.encode("The quick brown fox jumps over the lazy dog");
  assertEquals(crc32(bytes), 0x414fa339);
  for (let at = 0; at <= bytes.length; at++) {
    assertEquals(crc32(bytes.subarray(at), crc32(bytes.subarray(0, at))), 0x414fa339);
  }
});

Deno.test("crcText() writes eight digits", () => {
  assertEquals([0, 1, 0xffffffff].map(crcText), ["00000000", "00000001", "ffffffff"]);
});

Deno.test("encodeRecord() returns one line of plain JSON", () => {
  const { lines } = chain(VALUES);
  for (const [at, line] of lines.entries()) {
    assertEquals(line.indexOf(0x0a), line.length - 1);
    const { crc, seq, rec, ...more } = JSON.parse(decoder.decode(line));
    assertEquals([seq, rec, more], [at + 1, VALUES[at], {}]);
    assertEquals(/^[0-9a-f]{8}$/.test(crc), true);
    assertEquals(
      peekRecord(line.subarray(0, -1)),
      { crc, seq, rec } as unknown as { seq: number; rec: Json },
    );
  }
});

Deno.test("encodeRecord() keeps the format of existing journals", () => {
  const { lines: [first, second] } = chain([{ a: 1 }, "two"]);
  assertEquals(decoder.decode(first), '{"crc":"97e26806","seq":1,"rec":{"a":1}}\n');
  assertEquals(decoder.decode(second), '{"crc":"565549a0","seq":2,"rec":"two"}\n');
});

Deno.test("decodeRecord() returns what encodeRecord() encoded", () => {
  const { lines, position } = chain(VALUES);
  assertEquals(decodeAll(lines), VALUES);
  assertEquals(position.seq, VALUES.length);
  assertEquals(({} as { polluted?: true }).polluted, undefined);
});

Deno.test("decodeRecord() notices a record that is lost, doubled or moved", () => {
  const { lines } = chain(["a", "a", "a", "a"]);
  const [one, two, three, four] = lines;
  assertEquals(decodeAll([one, three, four]).length, 1, "lost");
  assertEquals(decodeAll([one, two, two, three]).length, 2, "doubled");
  assertEquals(decodeAll([one, three, two, four]).length, 1, "swapped");
  assertEquals(decodeAll([two, three, four]).length, 0, "the first record lost");
});

Deno.test("decodeRecord() notices a record that is renumbered or from another journal", () => {
  const own = chain(["own", "next"]);
  const other = chain(["other", "next"]);
  assertEquals(decodeAll([own.lines[0], other.lines[1]]), ["own"]);
  const renumbered = decoder.decode(own.lines[1]).replace('"seq":2', '"seq":1');
  assertEquals(decodeAll([encoder.encode(renumbered)]), []);
});

Deno.test("decodeRecord() notices every flipped bit", () => {
  const { lines: [first, second] } = chain([{ a: 1 }, { name: "x@ y", list: [1, 2, 3] }]);
  const after = { seq: 1, crc: parseInt(JSON.parse(decoder.decode(first)).crc, 16) };
  const line = second.subarray(0, second.length - 1);
  assertNotEquals(decodeRecord(line, after), undefined);
  for (let bit = 0; bit < line.length * 8; bit++) {
    const flipped = line.slice();
    flipped[bit >> 3] ^= 1 << (bit & 7);
    assertEquals(decodeRecord(flipped, after), undefined, `bit ${bit}`);
  }
});

Deno.test("decodeRecord() accepts any bytes without throwing", () => {
  const dice = new Dice(7);
  for (let round = 0; round < 2000; round++) {
    const bytes = Uint8Array.from({ length: dice.below(60) }, () => dice.below(256));
    assertEquals(decodeRecord(bytes, START), undefined, `round ${round}`);
  }
  for (const text of ["", "{}", '{"crc":"00000000","seq":1,"rec":', '{"crc":"', "null"]) {
    assertEquals(decodeRecord(encoder.encode(text), START), undefined, text);
  }
});

Deno.test("peekRecord() returns undefined for a line that is no JSON", () => {
  assertEquals(peekRecord(new Uint8Array([0xff, 0x7b])), undefined);
  assertEquals(peekRecord(encoder.encode('{"seq":')), undefined);
});
