import { assertEquals } from "@std/assert";
import { CodedError } from "../../../lib/errors.ts";
import { encodeReply } from "../../../lib/server/replies.ts";
import { LINE_BYTES_MAX } from "../../../lib/wire/limits.ts";

const unexpected = (): never => {
  throw new Error("No bug was reported");
};

Deno.test("encodeReply() encodes a body, and an error with its advice", () => {
  const body = JSON.parse(encodeReply("a", { text: "hi" }, unexpected));
  assertEquals(body, { v: 1, id: "a", ok: true, body: { text: "hi" } });
  const busy = new CodedError("busy", "Cannot now", { afterMs: 50 });
  const { error, ...rest } = JSON.parse(encodeReply(undefined, busy, unexpected));
  assertEquals(rest, { v: 1, ok: false });
  assertEquals([error.code, error.retry, error.after_ms], ["busy", "after", 50]);
});

Deno.test("encodeReply() reports a bug to its owner, and a reference to the peer", () => {
  const bug = new TypeError("secret detail");
  const reported: [string, unknown][] = [];
  const line = encodeReply("a", bug, (...args) => reported.push(args));
  const { code, message } = JSON.parse(line).error;
  const [[reference, error]] = reported;
  assertEquals([reported.length, error, code], [1, bug, "internal"]);
  assertEquals([message.includes(reference), message.includes("secret")], [true, false]);
});

Deno.test("encodeReply() replaces a reply that is longer than any peer reads", () => {
  const empty = encodeReply("a", { text: "" }, unexpected).length - 1;
  const fits = { text: "x".repeat(LINE_BYTES_MAX - empty) };
  assertEquals(JSON.parse(encodeReply("a", fits, unexpected)).ok, true);
  const { id, error } = JSON.parse(encodeReply("a", { text: fits.text + "x" }, unexpected));
  assertEquals([id, error.code, error.maybe_done], ["a", "bad_output", true]);
});
