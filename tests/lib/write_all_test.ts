import { assertEquals, assertRejects } from "@std/assert";
import { writeAll } from "../../lib/write_all.ts";

Deno.test("writeAll() writes the rest after a write that took only a part", async () => {
  const written: number[] = [];
  await writeAll({
    write(bytes) {
      const count = Math.min(2, bytes.length);
      written.push(...bytes.subarray(0, count));
      return Promise.resolve(count);
    },
  }, new Uint8Array([1, 2, 3, 4, 5]));
  assertEquals(written, [1, 2, 3, 4, 5]);
});

Deno.test("writeAll() does not write without bytes, and rejects with the error of a write", async () => {
  const broken = { write: () => Promise.reject(new Deno.errors.BrokenPipe("gone")) };
  await writeAll(broken, new Uint8Array());
  await assertRejects(() => writeAll(broken, new Uint8Array(1)), Deno.errors.BrokenPipe);
});
