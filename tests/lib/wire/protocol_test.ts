import { assert, assertEquals, assertThrows } from "@std/assert";
import { z } from "zod";
import { advice, CodedError, ERROR_CODES, type ErrorCode } from "../../../lib/errors.ts";
import { LIMITS } from "../../../lib/wire/limits.ts";
import {
  assertSendable,
  decodeReply,
  decodeRequest,
  encode,
  fromWire,
  isLongerThan,
  issues,
  RequestError,
  RequestId,
  TaskId,
  TIMEOUT_MS_MAX,
  toWire,
  validate,
} from "../../../lib/wire/protocol.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const request = (more: string): Uint8Array => bytes(`{"v":1,"id":"a","type":"x"${more}}`);

/** The code that a line is refused with, and the id that the refusal carries. */
function refusal(line: Uint8Array): [code: ErrorCode, id: string | undefined] {
  const error = assertThrows(() => decodeRequest(line), RequestError);
  return [error.cause.code, error.id];
}

Deno.test("decodeRequest() takes a request of the least and of the most fields", () => {
  assertEquals(decodeRequest(bytes('{"v":1,"id":"a","type":"x"}')), { v: 1, id: "a", type: "x" });
  assertEquals(
    decodeRequest(
      bytes(' {"body":{"k":[null]},"timeout_ms":5,"type":"do_it","id":"t.1-_","v":1}\r'),
    ),
    { v: 1, id: "t.1-_", type: "do_it", timeout_ms: 5, body: { k: [null] } },
  );
});

Deno.test("decodeRequest() refuses what is no JSON", () => {
  for (
    const text of [
      "{",
      "nope",
      "NaN",
      "'a'",
      '{"v":1,}',
      '{"v":1} x',
      '{"v":1}{"v":1}',
      '{"v":1} {"v":1}',
      '{"v":1}]',
      "/* */{}",
      "\u0000",
      ' {"v":1}\u0000',
      '{"v":1,"id":"a","type":"x","body":{"t":"\u0000"}}',
      '{"v":1,"id":"a","type":"x","body":{"t":"\u001f"}}',
      "GET / HTTP/1.1",
    ]
  ) {
    assertEquals(refusal(bytes(text)), ["bad_json", undefined], text);
  }
});

Deno.test("decodeRequest() refuses JSON that is no object with the request's id unread", () => {
  for (const text of ["[]", "[[]]", "null", "3", '"text"', "true", "{}"]) {
    assertEquals(refusal(bytes(text)), ["bad_request", undefined], text);
  }
});

Deno.test("decodeRequest() refuses bytes that are not UTF-8", () => {
  const wrong: Record<string, number[]> = {
    "a lone continuation": [0x80],
    "an overlong slash": [0xc0, 0xaf],
    "an overlong NUL": [0xc0, 0x80],
    "a surrogate": [0xed, 0xa0, 0x80],
    "a pair of surrogates (CESU-8)": [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80],
    "more than U+10FFFF": [0xf4, 0x90, 0x80, 0x80],
    "half a character": [0xf0, 0x9f],
    "Latin-1": [0xe4],
  };
  for (const [what, inside] of Object.entries(wrong)) {
    const line = [...bytes('{"v":1,"id":"a","type":"x","body":{"t":"'), ...inside, ...bytes('"}}')];
    assertEquals(refusal(new Uint8Array(line)), ["bad_json", undefined], what);
  }
});

Deno.test("decodeRequest() refuses a byte order mark", () => {
  assertEquals(refusal(bytes('\ufeff{"v":1,"id":"a","type":"x"}')), ["bad_json", undefined]);
});

Deno.test("decodeRequest() takes separators, marks and escaped surrogates inside a string", () => {
  const text = "\u2028\u2029\u0085\ufeff\u202e🙂\u007f";
  const { body } = decodeRequest(request(`,"body":{"t":"${text}","s":"\\ud800","n":"\\u0000"}`));
  assertEquals(body, { t: text, s: "\ud800", n: "\0" });
});

Deno.test("decodeRequest() refuses a string without an end", () => {
  for (const text of ['"', '"\\', '"\\"', '{"v":1,"id":"' + "[".repeat(100)]) {
    assertEquals(refusal(bytes(text)), ["bad_json", undefined], text);
  }
  const msOf = (end: string): number => {
    const line = bytes('"' + '\\"'.repeat(10_000) + end);
    return Math.min(...[1, 2, 3].map(() => {
      const begun = performance.now();
      refusal(line);
      return performance.now() - begun;
    }));
  };
  const [usual, ms] = [Math.max(1, msOf('"')), msOf("")];
  assert(ms < 100 * usual, `${ms} ms, and ${usual} ms where it has an end`);
});

Deno.test("decodeRequest() refuses unknown keys and reports the request's id", () => {
  assertEquals(refusal(request(',"extra":1')), ["bad_request", "a"]);
  assertEquals(refusal(request(',"ok":true')), ["bad_request", "a"]);
  assertEquals(refusal(request(',"__proto__":{"x":1}')), ["bad_request", "a"]);
  assertEquals(refusal(request(',"constructor":{}')), ["bad_request", "a"]);
});

Deno.test("decodeRequest() does not let a key change what objects inherit", () => {
  const own = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
  const { body } = decodeRequest(request(`,"body":{"__proto__":${own},"deep":${own}}`));
  assertEquals(({} as Record<string, unknown>).polluted, undefined);
  assertEquals((body as Record<string, unknown>).polluted, undefined);
  assertEquals(Object.getPrototypeOf(body), Object.prototype);
  assertEquals(Object.getPrototypeOf(body!.deep), Object.prototype);
  for (const key of ["toString", "hasOwnProperty", "valueOf"]) {
    assertEquals(decodeRequest(request(`,"body":{"${key}":1}`)).body, { [key]: 1 });
  }
});

Deno.test("decodeRequest() takes the last of two keys", () => {
  assertEquals(decodeRequest(bytes('{"v":1,"id":"a","id":"b","type":"x"}')).id, "b");
});

Deno.test("decodeRequest() refuses a body that is no object", () => {
  for (const body of ["null", "[]", '"x"', "1", "true"]) {
    assertEquals(refusal(request(`,"body":${body}`)), ["bad_request", "a"], body);
  }
});

Deno.test("decodeRequest() tells an unknown version from a broken one", () => {
  for (const v of ["2", "0", "-1", "1000"]) {
    assertEquals(refusal(bytes(`{"v":${v},"id":"a","type":"x"}`)), ["unsupported_version", "a"], v);
  }
  assertEquals(refusal(bytes('{"v":2,"id":"a","kind":"later"}')), ["unsupported_version", "a"]);
  for (const v of ['"1"', "1.5", "1e400", "null", "[1]"]) {
    assertEquals(refusal(bytes(`{"v":${v},"id":"a","type":"x"}`)), ["bad_request", "a"], v);
  }
  assertEquals(refusal(bytes('{"id":"a","type":"x"}')), ["bad_request", "a"]);
});

Deno.test("decodeRequest() takes ids of 1 to 128 safe characters and no others", () => {
  for (const id of ["a", "-", "_", "0", "a.b", "a..b", "t7.collect.0", "a".repeat(128)]) {
    assertEquals(decodeRequest(bytes(JSON.stringify({ v: 1, id, type: "x" }))).id, id);
  }
  for (
    const id of [
      "",
      ".",
      "..",
      ".a",
      "a".repeat(129),
      "a".repeat(64 * 1024),
      "../../etc/passwd",
      "a/b",
      "a\\b",
      "a b",
      "a\n",
      "\na",
      "a\0",
      "\u0430", // a Cyrillic a
      "\uff41", // a full-width a
      "a\u200b",
      "a\u0301",
      "\ufb01",
      "\u0131",
      "\u212a", // the Kelvin sign
      "🙂",
    ]
  ) {
    assertEquals(
      refusal(bytes(JSON.stringify({ v: 1, id, type: "x" }))),
      ["bad_request", undefined],
      JSON.stringify(id.slice(0, 20)),
    );
  }
  for (const id of ["1", "1.5", "9007199254740993", "null", "true", "[]", '["a"]', "{}"]) {
    const line = bytes(`{"v":1,"id":${id},"type":"x"}`);
    assertEquals(refusal(line), ["bad_request", undefined], id);
  }
});

Deno.test("decodeRequest() takes types of 1 to 32 small letters and no others", () => {
  assertEquals(decodeRequest(bytes(`{"v":1,"id":"a","type":"${"a".repeat(32)}"}`)).id, "a");
  for (const type of ["", "_a", "A", "a1", "a-b", "a.b", "a".repeat(33), "é", "__proto__"]) {
    assertEquals(
      refusal(bytes(JSON.stringify({ v: 1, id: "a", type }))),
      ["bad_request", "a"],
      type,
    );
  }
});

Deno.test("decodeRequest() takes whole timeouts from 1 ms to a day and no others", () => {
  for (const ms of [1, 1e3, TIMEOUT_MS_MAX]) {
    assertEquals(decodeRequest(request(`,"timeout_ms":${ms}`)).timeout_ms, ms);
  }
  for (const ms of ["0", "-1", "1.5", "86400001", "9007199254740993", "1e400", '"5"', "null"]) {
    assertEquals(refusal(request(`,"timeout_ms":${ms}`)), ["bad_request", "a"], ms);
  }
});

Deno.test("decodeReply() reads what encode() wrote", () => {
  const ok = { v: 1, id: "a", ok: true, body: { text: "ü\u2028" } } as const;
  assertEquals(decodeReply(bytes(encode(ok).trimEnd())), ok);
  const error = toWire(new CodedError("busy", "Later"), String);
  const line = encode({ v: 1, ok: false, error });
  assertEquals(line.split("\n").length, 2);
  assertEquals(JSON.parse(line), {
    v: 1,
    ok: false,
    error: { code: "busy", message: "Later", retry: "after", after_ms: 200, maybe_done: false },
  });
  assertEquals(decodeReply(bytes(line)).ok, false);
});

Deno.test("decodeReply() refuses what is no reply", () => {
  const code = (text: string): ErrorCode =>
    assertThrows(() => decodeReply(bytes(text)), CodedError).code;
  assertEquals(code("{"), "bad_json");
  assertEquals(code("[".repeat(70)), "bad_json");
  assertEquals(code('{"v":2,"id":"a","ok":true,"body":{}}'), "unsupported_version");
  for (
    const text of [
      "[]",
      "null",
      '{"v":1,"id":"a","ok":true}',
      '{"v":1,"ok":true,"body":{}}',
      '{"v":1,"id":7,"ok":true,"body":{}}',
      '{"v":1,"id":"a","ok":1,"body":{}}',
      '{"v":1,"id":"a","ok":false,"body":{}}',
      '{"v":1,"id":"a","ok":true,"body":{},"more":1}',
      '{"v":1,"id":"a","ok":false,"error":{"code":"no_such","message":"","retry":"no","maybe_done":false}}',
      '{"v":1,"id":"a","ok":false,"error":{"code":"busy","message":"","retry":"no","maybe_done":false,"more":1}}',
    ]
  ) {
    assertEquals(code(text), "bad_request", text);
  }
});

Deno.test("decodeReply() reports one fault of a reply that has many", () => {
  const error = { code: "busy", message: "", retry: "no", maybe_done: false };
  const odd = { length: { toString: 1 }, toString: 1 };
  for (const details of [Array(100_000).fill(0), odd]) {
    const line = bytes(JSON.stringify({ v: 1, ok: false, error: { ...error, details } }));
    assertEquals(assertThrows(() => decodeReply(line), CodedError).details?.length, 1);
  }
});

Deno.test("refuseUnfit() allows a line of the largest size, and no larger one", () => {
  const limits = { ...LIMITS, line_bytes: 11 };
  assertSendable('{"a":"漢"}\n', limits);
  assertEquals(
    assertThrows(() => assertSendable('{"aa":"漢"}\n', limits), CodedError).code,
    "line_too_long",
  );
});

Deno.test("longer() counts bytes, not characters, and not the line's end", () => {
  assertEquals(isLongerThan("abc\n", 3), false);
  assertEquals(isLongerThan("abcd\n", 3), true);
  assertEquals(isLongerThan("é\n", 2), false);
  assertEquals(isLongerThan("é\n", 1), true);
  assertEquals(isLongerThan("🙂🙂\n", 8), false);
  assertEquals(isLongerThan("🙂🙂\n", 7), true);
  assertEquals(isLongerThan("x".repeat(LIMITS.line_bytes) + "\n", LIMITS.line_bytes), false);
});

Deno.test("toWire() and fromWire() carry every code there and back", () => {
  for (const code of ERROR_CODES) {
    const error = new CodedError(code, "Why", { details: ["a: b"] });
    const wire = toWire(error, String);
    const back = fromWire(decodeError(wire));
    assertEquals(wire.retry, advice(code).retry);
    assertEquals(wire.after_ms !== undefined, wire.retry === "after");
    for (const key of ["code", "message", "afterMs", "maybeDone", "details"] as const) {
      assertEquals(back[key], error[key], `${code} ${key}`);
    }
  }
});

function decodeError(error: ReturnType<typeof toWire>): ReturnType<typeof toWire> {
  const reply = decodeReply(bytes(encode({ v: 1, ok: false, error })));
  if (reply.ok) throw new TypeError("An error came back as a success");
  return reply.error;
}

Deno.test("toWire() replaces an error without a code by a reference", () => {
  const wire = toWire(new TypeError("secret path /home/x"), () => "1a2b");
  assertEquals(wire.code, "internal");
  assertEquals(wire.retry, "unknown");
  assertEquals(wire.maybe_done, true);
  assert(wire.message.includes("1a2b"));
  assert(!JSON.stringify(wire).includes("secret"));
});

Deno.test("toWire() cuts a message that is too long", () => {
  assertEquals(toWire(new CodedError("busy", "x".repeat(5000)), String).message.length, 2000);
});

Deno.test("CodedError lets its maker say what may have run, and asks to wait only where that helps", () => {
  assertEquals(new CodedError("agent_unreachable", "").maybeDone, true);
  assertEquals(new CodedError("agent_unreachable", "", { maybeDone: false }).maybeDone, false);
  assertEquals(new CodedError("queue_full", "", { afterMs: 5 }).afterMs, 5);
  assertEquals(new CodedError("not_found", "", { afterMs: 5 }).afterMs, undefined);
});

Deno.test("validate() returns the parsed value or the paths at fault", () => {
  const schema = z.strictObject({ list: z.array(z.strictObject({ n: z.int() })) });
  assertEquals(validate(schema, { list: [{ n: 1 }] }), { list: [{ n: 1 }] });
  const error = assertThrows(() => validate(schema, { list: [{ n: 1 }, { n: "x" }] }), CodedError);
  assertEquals(error.code, "invalid_input");
  assert(error.details![0].startsWith("list.1.n: "), error.details![0]);
});

Deno.test("issues() stays short whatever is wrong", () => {
  const wrong = Array.from({ length: 500 }, () => "x".repeat(1000));
  const found = issues(z.array(z.int()).safeParse(wrong).error!);
  assertEquals(found.length, 20);
  const keys = { ["k".repeat(100_000)]: 1 };
  const [unknown] = issues(z.strictObject({}).safeParse(keys).error!);
  assertEquals(unknown.length, 300);
});

Deno.test("RequestId and TaskId hold nothing that means something in a path", () => {
  for (const id of ["..", "a/b", "a\\b", ".", "", "~", "a:b", "%2e"]) {
    assertEquals(RequestId.safeParse(id).success, false, id);
    assertEquals(TaskId.safeParse(id).success, false, id);
  }
  assertEquals(TaskId.safeParse("a.b").success, false);
  assertEquals(TaskId.safeParse("a".repeat(64)).success, true);
  assertEquals(TaskId.safeParse("a".repeat(65)).success, false);
});

Deno.test("decodeRequest() refuses a line that is out of bounds", () => {
  const nested = (depth: number): Uint8Array =>
    request(`,"body":{"a":${"[".repeat(depth - 2)}${"]".repeat(depth - 2)}}`);
  assertEquals(decodeRequest(nested(LIMITS.depth)).id, "a");
  assertEquals(refusal(nested(LIMITS.depth + 1)), ["bad_json", undefined]);
});
