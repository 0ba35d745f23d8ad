import { assertEquals } from "@std/assert";
import { addressText } from "../../lib/address.ts";

Deno.test("addressText() puts brackets around IPv6", () => {
  assertEquals(addressText({ hostname: "collector", port: 1 }), "collector:1");
  assertEquals(addressText({ hostname: "::1", port: 7100 }), "[::1]:7100");
});
