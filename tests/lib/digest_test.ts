import { assertEquals } from "@std/assert";
import { sha256 } from "../../lib/digest.ts";

Deno.test("sha256() hashes the UTF-8 bytes of a text", () => {
  const hex = "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c";
  assertEquals(sha256("é", "hex"), hex);
  assertEquals(sha256("é").length, 43);
});
