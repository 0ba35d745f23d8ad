import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { readLimits } from "../../../lib/process/limits_setting.ts";
import { LIMIT_NAMES, LIMIT_TABLE } from "../../../lib/wire/limits.ts";

Deno.test("readLimits() accepts each limit at its bounds and rejects it beyond them", () => {
  for (const name of LIMIT_NAMES) {
    const { default: byDefault, min, max } = LIMIT_TABLE[name];
    assertEquals(byDefault >= min && byDefault <= max, true, name);
    // The two numbers of connections bound each other as well.
    const rest = name === "connections"
      ? ",connections_before_auth=1"
      : name === "connections_before_auth"
      ? ",connections=65536"
      : "";
    for (const value of [min, max]) {
      assertEquals(readLimits(`${name}=${value}${rest}`)[name], value);
    }
    for (const value of [min - 1, max + 1, "", "1e4", "-1", "0x10", "many"]) {
      const { message } = assertThrows(() => readLimits(`${name}=${value}${rest}`), RangeError);
      assertEquals(message, `${name} must be a whole number from ${min} to ${max}`);
    }
  }
});

Deno.test("readLimits() reads several limits, and says what is wrong with a text", () => {
  assertEquals(readLimits(" auth_ms = 5000 ,depth=32"), { auth_ms: 5_000, depth: 32 });
  for (
    const [text, why] of [
      ["", "name=number"],
      ["depth", "name=number"],
      ["depth=32,", "name=number"],
      ["width=32", 'no limit "width"; there are line_bytes, '],
      ["__proto__=32", 'no limit "__proto__"'],
      ["toString=32", 'no limit "toString"'],
      ["depth=32,depth=33", "depth comes twice"],
      ["connections=900", "connections_before_auth must be less than connections: it is 900"],
    ]
  ) {
    assertStringIncludes(assertThrows(() => readLimits(text), RangeError).message, why);
  }
});
