import { assertEquals, assertStringIncludes } from "@std/assert";
import { importSecret, prove } from "../../../lib/wire/auth.ts";
import { isExposed } from "../../../lib/process/secret.ts";

const LONG = "0123456789abcdef0123456789abcdef";

/** Returns the proof that a process with this secret makes. */
function proofOf(secret: string): string {
  const challenge = { role: "test", clientNonce: "a", serverNonce: "b" };
  return prove(importSecret(secret), "client", challenge);
}

interface Ended {
  readonly proof?: string;
  readonly accepted?: number;
  /** The files that it warned of. */
  readonly warned?: string[];
  readonly reason?: string;
  readonly message?: string;
}

/** Runs `readSecret()` in a process and a folder of its own, and returns its outcome. */
async function secretWith(
  env: Record<string, string>,
  files: Record<string, string> = {},
  /** Shell commands before it starts. */
  before = ":",
): Promise<Ended> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/secret`);
    for (const [name, content] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, content);
    }
    const program = new URL("./secret_program.ts", import.meta.url).pathname;
    const config = new URL("../../../deno.json", import.meta.url).pathname;
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

Deno.test("readSecret() removes one line end and nothing else", async () => {
  const contents = [`${LONG}\n`, `${LONG}\r\n`, ` ${LONG}\t\n`];
  const read = await Promise.all(
    contents.map((content) => secretWith({}, { "secret/token": content })),
  );
  assertEquals(read.map(({ proof }) => proof), [LONG, LONG, ` ${LONG}\t`].map(proofOf));
});

Deno.test("readSecret() reads two lines as two secrets and uses the first", async () => {
  const [old, next] = ["o".repeat(40), "n".repeat(40)];
  const [file, variable] = await Promise.all([
    secretWith({}, { "secret/token": `${old}\r\n${next}\n` }),
    secretWith({ AUTH_TOKEN: `${next}\n${old}` }),
  ]);
  assertEquals([file.proof, file.accepted], [proofOf(old), 2]);
  assertEquals([variable.proof, variable.accepted], [proofOf(next), 2]);
});

Deno.test("readSecret() rejects a short line and a third line", async () => {
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

Deno.test("readSecret() rejects a secret of fewer than 32 bytes and does not show it", async () => {
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

Deno.test("readSecret() rejects a variable that is not UTF-8 without showing it, and a FIFO without waiting", async () => {
  const [bytes, named, fifo] = await Promise.all([
    secretWith({}, {}, `export AUTH_TOKEN=$(printf '${LONG}\\377')`),
    secretWith({}, {}, "export AUTH_TOKEN_FILE=$(printf 'a\\377')"),
    secretWith({}, {}, "mkfifo secret/token"),
  ]);
  assertEquals([bytes.reason, named.reason, fifo.reason], ["usage", "usage", "no_secret"]);
  assertEquals(bytes.message, "Cannot read the variable AUTH_TOKEN: it is not UTF-8");
  assertStringIncludes(fifo.message!, 'file "secret/token" cannot be read: it is not a file');
});

Deno.test("readSecret() names what is missing and does not fall back from a named file", async () => {
  const [nothing, named] = await Promise.all([
    secretWith({}),
    secretWith({ AUTH_TOKEN_FILE: "none", AUTH_TOKEN: LONG }, { "secret/token": LONG }),
  ]);
  assertEquals([nothing.reason, named.reason], ["no_secret", "no_secret"]);
  assertStringIncludes(nothing.message!, 'there is no "secret/token"');
  assertStringIncludes(named.message!, 'file "none" cannot be read');
});

Deno.test("readSecret() reads a file of 256 KiB and no larger one", async () => {
  const [largest, larger] = await Promise.all([
    secretWith({}, { "secret/token": "x".repeat(262_144) }),
    secretWith({}, { "secret/token": "x".repeat(262_145) }),
  ]);
  assertEquals(largest.proof, proofOf("x".repeat(262_144)));
  assertEquals(larger.reason, "no_secret");
  assertStringIncludes(larger.message!, "more than 262144 bytes");
});

Deno.test("readSecret() warns if other users can read the file that it uses", async () => {
  const files = { "secret/token": LONG, named: LONG };
  const ended = await Promise.all([
    secretWith({}, files, "chmod 644 secret/token"),
    secretWith({ AUTH_TOKEN_FILE: "named" }, files, "chmod 640 named"),
    secretWith({}, files, "chmod 600 secret/token; chmod 644 named"),
  ]);
  assertEquals(ended.map(({ warned }) => warned), [["secret/token"], ["named"], []]);
});

Deno.test("isExposed() is true for files that other users can read, unless a container engine mounted them", () => {
  for (const mode of [0o644, 0o640, 0o604, 0o610, 0o100_444]) {
    assertEquals(isExposed("secret/token", mode), true, mode.toString(8));
    assertEquals(isExposed("/run/secrets/token", mode), false, mode.toString(8));
  }
  for (const mode of [0o600, 0o400, 0o100_700, null]) {
    assertEquals(isExposed("secret/token", mode), false, String(mode));
  }
  for (const file of ["/run/secretstoken", "/tmp/run/secrets/token"]) {
    assertEquals(isExposed(file, 0o644), true, file);
  }
});
