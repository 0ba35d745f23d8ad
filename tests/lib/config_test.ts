import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { importSecret, prove } from "../../lib/auth.ts";
import {
  addresses,
  integer,
  isExposed,
  parseSettings,
  settingsHelp,
  text,
} from "../../lib/config.ts";
import { ExitError } from "../../lib/exit.ts";

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

Deno.test("parseSettings() gives what is no flag in order and as text", () => {
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

Deno.test("parseSettings() says which flag or variable it can't take, and why", async () => {
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

Deno.test("settingsHelp() has a line for each setting with its default and variable", () => {
  const lines = settingsHelp(SETTINGS).split("\n");
  assertEquals(lines.length, 3);
  assertStringIncludes(lines[0], "--port N");
  assertStringIncludes(lines[0], "(default 7100; or BATON_TEST_PORT)");
  assertEquals(lines[1].trimEnd().endsWith("What it is called"), true);
  assertStringIncludes(lines[2], "--json");
});

const LONG = "0123456789abcdef0123456789abcdef";

/** What a process would prove that uses this secret. */
function proofOf(secret: string): string {
  const challenge = { role: "test", clientNonce: "a", serverNonce: "b" };
  return prove(importSecret(secret), "client", challenge);
}

/** What `readSecret()` gives in a process of its own, in a folder of its own. */
async function secretWith(
  env: Record<string, string>,
  files: Record<string, string> = {},
  /** Shell commands before it starts. */
  before = ":",
): Promise<{ proof?: string; accepted?: number; reason?: string; message?: string }> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/secret`);
    for (const [name, content] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, content);
    }
    const program = new URL("./secret_program.ts", import.meta.url).pathname;
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const deno = [Deno.execPath(), "run", "--no-check", "--allow-env", "--allow-read=."];
    const { stdout } = await new Deno.Command("sh", {
      args: ["-c", `${before}; exec "$0" "$@"`, ...deno, "--config", config, program],
      cwd: folder,
      env: { AUTH_TOKEN: "", AUTH_TOKEN_FILE: "", ...env },
      stderr: "inherit",
    }).output();
    return JSON.parse(new TextDecoder().decode(stdout));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("readSecret() prefers the named file over the variable over secret/token", async () => {
  const files = { named: "n".repeat(40), "secret/token": "f".repeat(40) };
  const [named, given, found] = await Promise.all([
    secretWith({ AUTH_TOKEN_FILE: "named", AUTH_TOKEN: "v".repeat(40) }, files),
    secretWith({ AUTH_TOKEN: "v".repeat(40) }, files),
    secretWith({}, files),
  ]);
  assertEquals([named.proof, given.proof, found.proof], [
    proofOf("n".repeat(40)),
    proofOf("v".repeat(40)),
    proofOf("f".repeat(40)),
  ]);
});

Deno.test("readSecret() takes off one line end and nothing else", async () => {
  const contents = [`${LONG}\n`, `${LONG}\r\n`, ` ${LONG}\t\n`];
  const read = await Promise.all(
    contents.map((content) => secretWith({}, { "secret/token": content })),
  );
  assertEquals(read.map(({ proof }) => proof), [LONG, LONG, ` ${LONG}\t`].map(proofOf));
});

Deno.test("readSecret() takes two lines for two secrets and uses the first", async () => {
  const [old, next] = ["o".repeat(40), "n".repeat(40)];
  const [file, variable] = await Promise.all([
    secretWith({}, { "secret/token": `${old}\r\n${next}\n` }),
    secretWith({ AUTH_TOKEN: `${next}\n${old}` }),
  ]);
  assertEquals([file.proof, file.accepted], [proofOf(old), 2]);
  assertEquals([variable.proof, variable.accepted], [proofOf(next), 2]);
});

Deno.test("readSecret() refuses a line that is short and a third one", async () => {
  const wrong: [content: string, why: string][] = [
    [`${LONG}\n\n`, "has 0 bytes in line 2, fewer than 32"],
    [`\n${LONG}\n`, "has 0 bytes in line 1, fewer than 32"],
    [`${LONG}\nshort\n`, "has 5 bytes in line 2, fewer than 32"],
    [`${LONG}\n${LONG}\n${LONG}\n`, "has 3 lines, more than 2"],
  ];
  await Promise.all(wrong.map(async ([content, why]) => {
    const { reason, message } = await secretWith({}, { "secret/token": content });
    assertEquals(reason, "no_secret");
    assertStringIncludes(message!, why);
    assertEquals(message!.includes(LONG), false);
  }));
});

Deno.test("readSecret() refuses a secret that is short, counted in bytes, and does not show it", async () => {
  const [short, wide] = await Promise.all([
    secretWith({ AUTH_TOKEN: LONG.slice(1) }),
    secretWith({ AUTH_TOKEN: "ü".repeat(16) }),
  ]);
  assertEquals(short.reason, "no_secret");
  assertStringIncludes(short.message!, "31 bytes, fewer than 32");
  assertStringIncludes(short.message!, "openssl rand -hex 32");
  assertEquals(short.message!.includes(LONG.slice(1)), false);
  assertEquals(wide.proof, proofOf("ü".repeat(16)));
});

Deno.test("readSecret() shows nothing of a variable that is no text, and waits for no FIFO", async () => {
  const [bytes, named, fifo] = await Promise.all([
    secretWith({}, {}, `export AUTH_TOKEN=$(printf '${LONG}\\377')`),
    secretWith({}, {}, "export AUTH_TOKEN_FILE=$(printf 'a\\377')"),
    secretWith({}, {}, "mkfifo secret/token"),
  ]);
  assertEquals([bytes.reason, named.reason, fifo.reason], ["usage", "usage", "no_secret"]);
  assertEquals(bytes.message, "Cannot read the variable AUTH_TOKEN: it is not UTF-8");
  assertStringIncludes(fifo.message!, 'file "secret/token" cannot be read: it is not a file');
});

Deno.test("readSecret() says what is missing and does not fall back from a named file", async () => {
  const [nothing, named] = await Promise.all([
    secretWith({}),
    secretWith({ AUTH_TOKEN_FILE: "none", AUTH_TOKEN: LONG }, { "secret/token": LONG }),
  ]);
  assertEquals([nothing.reason, named.reason], ["no_secret", "no_secret"]);
  assertStringIncludes(nothing.message!, 'there is no "secret/token"');
  assertStringIncludes(named.message!, 'file "none" cannot be read');
});

Deno.test("isExposed() tells of files that others may read, and not of those that an engine mounts", () => {
  for (const mode of [0o644, 0o640, 0o604, 0o610, 0o100_444]) {
    assertEquals(isExposed("secret/token", mode), true, mode.toString(8));
    assertEquals(isExposed("/run/secrets/token", mode), false, mode.toString(8));
  }
  for (const mode of [0o600, 0o400, 0o100_700, null]) {
    assertEquals(isExposed("secret/token", mode), false, String(mode));
  }
  assertEquals(isExposed("/run/secretstoken", 0o644), true);
});
