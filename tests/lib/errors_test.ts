import { assertEquals } from "@std/assert";
import { advice, CodedError, ERROR_CODES } from "../../lib/errors.ts";

Deno.test("CodedError has a wait before the retry only if its code advises one", () => {
  assertEquals(new CodedError("busy", "full").afterMs, 200);
  assertEquals(new CodedError("busy", "full", { afterMs: 5_000 }).afterMs, 5_000);
  assertEquals(new CodedError("conflict", "no", { afterMs: 5_000 }).afterMs, undefined);
});

Deno.test("CodedError.maybeDone is the code's answer unless an option overrides it", () => {
  assertEquals(new CodedError("storage_failed", "no").maybeDone, true);
  assertEquals(new CodedError("storage_failed", "no", { maybeDone: false }).maybeDone, false);
  assertEquals(new CodedError("bad_request", "no").maybeDone, false);
});

Deno.test("advice() says `unknown` of every code whose work may have run", () => {
  const unknown = ERROR_CODES.filter((code) => advice(code).retry === "unknown");
  assertEquals(ERROR_CODES.filter((code) => "maybeDone" in advice(code)), unknown);
});
