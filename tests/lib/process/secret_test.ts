import { assertEquals, assertStringIncludes } from "@std/assert";
import { importSecret, prove } from "../../../lib/wire/auth.ts";
import { isExposed } from "../../../lib/process/secret.ts";
import { TempFolder } from "../../harness/temp_folder.ts";

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

/** What a process finds when it reads its secret. */
interface Case {
  readonly env?: Record<string, string>;
  readonly files?: Record<string, string>;
  /** Shell commands that are run in the folder before. */
  readonly before?: string;
}

/**
 * Runs `readSecret()` in one process, in a folder for each case, and returns the outcomes.
 *
 * @param start shell commands from which the process inherits its variables
 */
async function secretsWith(cases: readonly Case[], start = ":"): Promise<Ended[]> {
  await using temp = await TempFolder.make();
  const given: { folder: string; env: Record<string, string> }[] = [];
  for (const { env = {}, files = {}, before } of cases) {
    const folder = `${temp.path}/${given.length}`;
    await Deno.mkdir(`${folder}/secret`, { recursive: true });
    for (const [name, content] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, content);
    }
    if (before !== undefined) {
      await new Deno.Command("sh", { args: ["-c", before], cwd: folder }).output();
    }
    given.push({ folder, env });
  }
  const program = new URL("./secret_program.ts", import.meta.url).pathname;
  const config = new URL("../../../deno.json", import.meta.url).pathname;
  const deno = [Deno.execPath(), "run", "--no-check", "--allow-env", "--allow-read=."];
  const { stdout } = await new Deno.Command("sh", {
    args: [
      "-c",
      `${start}; exec "$0" "$@"`,
      ...deno,
      "--config",
      config,
      program,
      JSON.stringify(given),
    ],
    cwd: temp.path,
    env: { AUTH_TOKEN: "", AUTH_TOKEN_FILE: "" },
    stderr: "inherit",
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test("readSecret() prefers the named file over the variable over secret/token", async () => {
  const files = { named: "n".repeat(40), "secret/token": "f".repeat(40) };
  const [named, given, found] = await secretsWith([
    { env: { AUTH_TOKEN_FILE: "named", AUTH_TOKEN: "v".repeat(40) }, files },
    { env: { AUTH_TOKEN: "v".repeat(40) }, files },
    { files },
  ]);
  assertEquals([named.proof, given.proof, found.proof], [
    proofOf("n".repeat(40)),
    proofOf("v".repeat(40)),
    proofOf("f".repeat(40)),
  ]);
});

Deno.test("readSecret() removes one line end and nothing else", async () => {
  const contents = [`${LONG}\n`, `${LONG}\r\n`, ` ${LONG}\t\n`];
  const read = await secretsWith(
    contents.map((content) => ({ files: { "secret/token": content } })),
  );
  assertEquals(read.map(({ proof }) => proof), [LONG, LONG, ` ${LONG}\t`].map(proofOf));
});

Deno.test("readSecret() reads two lines as two secrets and uses the first", async () => {
  const [old, next] = ["o".repeat(40), "n".repeat(40)];
  const [file, variable] = await secretsWith([
    { files: { "secret/token": `${old}\r\n${next}\n` } },
    { env: { AUTH_TOKEN: `${next}\n${old}` } },
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
  const ended = await secretsWith(
    wrong.map(([content]) => ({ files: { "secret/token": content } })),
  );
  assertEquals(ended.length, wrong.length);
  for (const [at, { reason, message }] of ended.entries()) {
    assertEquals(reason, "no_secret");
    assertStringIncludes(message!, wrong[at][1]);
    assertEquals(message!.includes(LONG), false);
  }
});

Deno.test("readSecret() rejects a secret of fewer than 32 bytes and does not show it", async () => {
  const [short, wide] = await secretsWith([
    { env: { AUTH_TOKEN: LONG.slice(1) } },
    { env: { AUTH_TOKEN: "ü".repeat(16) } },
  ]);
  assertEquals(short.reason, "no_secret");
  assertStringIncludes(short.message!, "31 bytes, fewer than 32");
  assertStringIncludes(short.message!, "openssl rand -hex 32");
  assertEquals(short.message!.includes(LONG.slice(1)), false);
  assertEquals(wide.proof, proofOf("ü".repeat(16)));
});

Deno.test("readSecret() rejects a variable that is not UTF-8 without showing it, and a FIFO without waiting", async () => {
  const [[bytes], [named], [fifo]] = await Promise.all([
    secretsWith([{}], `export AUTH_TOKEN=$(printf '${LONG}\\377')`),
    secretsWith([{}], "export AUTH_TOKEN_FILE=$(printf 'a\\377')"),
    secretsWith([{ before: "mkfifo secret/token" }]),
  ]);
  assertEquals([bytes.reason, named.reason, fifo.reason], ["usage", "usage", "no_secret"]);
  assertEquals(bytes.message, "Cannot read the variable AUTH_TOKEN: it is not UTF-8");
  assertStringIncludes(fifo.message!, 'file "secret/token" cannot be read: it is not a file');
});

Deno.test("readSecret() names what is missing and does not fall back from a named file", async () => {
  const [nothing, named] = await secretsWith([
    {},
    { env: { AUTH_TOKEN_FILE: "none", AUTH_TOKEN: LONG }, files: { "secret/token": LONG } },
  ]);
  assertEquals([nothing.reason, named.reason], ["no_secret", "no_secret"]);
  assertStringIncludes(nothing.message!, 'there is no "secret/token"');
  assertStringIncludes(named.message!, 'file "none" cannot be read');
});

Deno.test("readSecret() reads a file of 256 KiB and no larger one", async () => {
  const [largest, larger] = await secretsWith([
    { files: { "secret/token": "x".repeat(262_144) } },
    { files: { "secret/token": "x".repeat(262_145) } },
  ]);
  assertEquals(largest.proof, proofOf("x".repeat(262_144)));
  assertEquals(larger.reason, "no_secret");
  assertStringIncludes(larger.message!, "more than 262144 bytes");
});

Deno.test("readSecret() warns if other users can read the file that it uses", async () => {
  const files = { "secret/token": LONG, named: LONG };
  const ended = await secretsWith([
    { files, before: "chmod 644 secret/token" },
    { env: { AUTH_TOKEN_FILE: "named" }, files, before: "chmod 640 named" },
    { files, before: "chmod 600 secret/token; chmod 644 named" },
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
