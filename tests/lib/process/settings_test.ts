import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  addresses,
  integer,
  parseSettings,
  settingsHelp,
  text,
  variable,
} from "../../../lib/process/settings.ts";
import { ExitError } from "../../../lib/exit.ts";

const SETTINGS = {
  port: {
    env: "BATON_TEST_PORT",
    value: "N",
    fallback: 7100,
    help: "Port to listen on",
    read: integer(0, 65535),
  },
  label: { value: "TEXT", fallback: undefined, help: "What it is called", read: text },
  json: { help: "Answers as JSON" },
} as const;

/** Runs with these variables set, and puts back what was there. */
async function withEnv<T>(
  variables: Record<string, string | undefined>,
  body: () => T | Promise<T>,
): Promise<T> {
  const before = Object.keys(variables).map((name) => [name, Deno.env.get(name)] as const);
  const set = (name: string, value: string | undefined): void =>
    value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  for (const [name, value] of Object.entries(variables)) set(name, value);
  try {
    return await body();
  } finally {
    for (const [name, value] of before) set(name, value);
  }
}

const parse = (...args: string[]) => parseSettings(SETTINGS, args);

function usage(...args: string[]): string {
  const error = assertThrows(() => parse(...args), ExitError);
  assertEquals([error.reason, error.exitCode], ["usage", 2]);
  return error.message;
}

Deno.test("parseSettings() prefers a flag over the environment over the fallback", async () => {
  await withEnv({ BATON_TEST_PORT: undefined }, () => {
    assertEquals(parse().values, { port: 7100, label: undefined, json: false });
  });
  await withEnv({ BATON_TEST_PORT: "7200" }, () => {
    assertEquals(parse().values.port, 7200);
    assertEquals(parse("--port", "7300").values.port, 7300);
    assertEquals(parse("--port=0").values.port, 0);
  });
  await withEnv({ BATON_TEST_PORT: "" }, () => assertEquals(parse().values.port, 7100));
});

Deno.test("parseSettings() returns the arguments that are no flags, in order and as text", () => {
  const { values, rest, help } = parse(
    "submit",
    "--json",
    "7",
    "--label",
    "a b",
    "a.log",
    "--help",
  );
  assertEquals(rest, ["submit", "7", "a.log"]);
  assertEquals(values.json, true);
  assertEquals(values.label, "a b");
  assertEquals(help, true);
});

Deno.test("parseSettings() names the flag or variable that it rejects, and why", async () => {
  assertStringIncludes(usage("--prot", "5"), 'Cannot take "--prot"');
  assertStringIncludes(usage("-x"), 'Cannot take "-x"');
  assertStringIncludes(usage("--port", "http"), 'Cannot take "http" for --port');
  assertStringIncludes(usage("--port", "65536"), "from 0 to 65535");
  assertStringIncludes(usage("--port=-1"), "--port");
  assertStringIncludes(usage("--label="), "must not be empty");
  await withEnv({ BATON_TEST_PORT: "x" }, () => {
    assertStringIncludes(usage(), 'Cannot take "x" for BATON_TEST_PORT');
  });
});

Deno.test("integer() reads whole numbers within its bounds and nothing else", () => {
  const read = integer(1, 1000);
  assertEquals([read("1"), read("1000"), read("007")], [1, 1000, 7]);
  for (const wrong of ["0", "1001", "", " 5", "5 ", "1e2", "0x10", "-5", "1.5", "٣", "NaN"]) {
    assertThrows(() => read(wrong), RangeError, "from 1 to 1000", wrong);
  }
});

Deno.test("addresses() reads names, IPv4 and bracketed IPv6, one or several", () => {
  assertEquals(addresses("collector:7101"), [{ hostname: "collector", port: 7101 }]);
  assertEquals(addresses("127.0.0.1:1, [::1]:65535"), [
    { hostname: "127.0.0.1", port: 1 },
    { hostname: "::1", port: 65535 },
  ]);
  for (const wrong of ["", "collector", "collector:", ":7101", "a:0", "a:65536", "a:1,", "::1:7"]) {
    assertThrows(() => addresses(wrong), RangeError, "host:port", wrong);
  }
});

Deno.test("settingsHelp() returns a line for each setting, with its default and variable", () => {
  const lines = settingsHelp(SETTINGS).split("\n");
  assertEquals(lines.length, 3);
  assertStringIncludes(lines[0], "--port N");
  assertStringIncludes(lines[0], "(default 7100; or BATON_TEST_PORT)");
  assertEquals(lines[1].trimEnd().endsWith("What it is called"), true);
  assertStringIncludes(lines[2], "--json");
});

Deno.test({
  name: "variable() reports a variable that it may not read as such",
  permissions: { env: ["HOME"] },
  fn: () => void assertThrows(() => variable("PATH"), Deno.errors.NotCapable),
});
