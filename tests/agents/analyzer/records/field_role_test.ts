import { assertEquals } from "@std/assert";
import { isCode, roleOf } from "../../../../agents/analyzer/records/field_role.ts";

Deno.test("roleOf() knows the usual names in any case", () => {
  const roles = ["@timestamp", "Severity", "MSG", "trace_id", "latency"].map(roleOf);
  assertEquals(roles, ["time", "level", "message", "identifier", "other"]);
});

Deno.test("roleOf() takes names that end in ID for identifiers, and no other words", () => {
  const roles = ["user_id", "orderId", "orderID", "paid", "valid"].map(roleOf);
  assertEquals(roles, ["identifier", "identifier", "identifier", "other", "other"]);
});

Deno.test("isCode() looks at the last part of a nested name", () => {
  const codes = ["status", "http.Status", "http.status.ms", "toString"].map(isCode);
  assertEquals(codes, [true, true, false, false]);
});
