import { assertEquals, assertRejects } from "@std/assert";
import { CodedError } from "../../../lib/errors.ts";
import { refuseTls } from "../../../lib/wire/refuse_tls.ts";

function sourceOf(...portions: number[][]) {
  return {
    read(into: Uint8Array): Promise<number | null> {
      const portion = portions.shift();
      into.set(portion ?? []);
      return Promise.resolve(portion?.length ?? null);
    },
  };
}

Deno.test("refuseTls() refuses a handshake or an alert as the first byte", async () => {
  for (const first of [0x15, 0x16]) {
    const source = refuseTls(sourceOf([first, 3, 1]));
    const error = await assertRejects(() => source.read(new Uint8Array(8)), CodedError);
    assertEquals(error.code, "bad_json");
  }
});

Deno.test("refuseTls() checks the first byte alone, after empty reads too", async () => {
  const into = new Uint8Array(8);
  const plain = refuseTls(sourceOf([0x7b], [0x16]));
  assertEquals([await plain.read(into), await plain.read(into), await plain.read(into)], [
    1,
    1,
    null,
  ]);
  const late = refuseTls(sourceOf([], [0x16]));
  assertEquals(await late.read(into), 0);
  await assertRejects(() => late.read(into), CodedError);
});
