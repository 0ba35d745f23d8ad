import { assertEquals } from "@std/assert";
import { addressText } from "../../lib/address.ts";

Deno.test("addressText() puts an IPv6 address in brackets", () => {
  assertEquals(addressText({ hostname: "collector", port: 1 }), "collector:1");
  assertEquals(addressText({ hostname: "::1", port: 7100 }), "[::1]:7100");
});
