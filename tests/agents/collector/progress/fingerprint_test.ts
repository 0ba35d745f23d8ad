import { assertEquals, assertNotEquals } from "@std/assert";
import { memoryBytes } from "../../../../agents/collector/inbox/bytes.ts";
import {
  fingerprint,
  FINGERPRINT_BYTES,
} from "../../../../agents/collector/progress/fingerprint.ts";

const SIZE = 3 * FINGERPRINT_BYTES;
const bytesOf = (size: number) => Uint8Array.from({ length: size }, (_, at) => at % 251);

/** Returns the fingerprint of `SIZE` bytes after a change of one byte. */
function changedAt(offset: number): Promise<string> {
  const bytes = bytesOf(SIZE);
  bytes[offset] ^= 1;
  return fingerprint(memoryBytes(bytes), SIZE);
}

Deno.test("fingerprint() stays the same when bytes are appended", async () => {
  const grown = memoryBytes(bytesOf(SIZE + 10));
  const before = await fingerprint(memoryBytes(bytesOf(SIZE)), SIZE);
  assertEquals(await fingerprint(grown, SIZE), before);
  assertNotEquals(await fingerprint(grown, SIZE + 10), before);
});

Deno.test("fingerprint() covers both ends, and not the middle", async () => {
  const unchanged = await fingerprint(memoryBytes(bytesOf(SIZE)), SIZE);
  for (const offset of [0, FINGERPRINT_BYTES - 1, SIZE - FINGERPRINT_BYTES, SIZE - 1]) {
    assertNotEquals(await changedAt(offset), unchanged, `offset ${offset}`);
  }
  assertEquals(await changedAt(FINGERPRINT_BYTES), unchanged);
});
