/**
 * The secret is in nothing that a run leaves: output, command lines, memory, reports, programs.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { assert, assertEquals } from "@std/assert";
import { walk } from "@std/fs/walk";
import { makeNonce } from "../../lib/wire/auth.ts";
import { EXIT } from "../../lib/exit.ts";
import { compile } from "../../lib/launch/compile.ts";
import { permissionsOf, ROLES } from "../../lib/roles.ts";
import { RawPeer } from "../harness/raw_peer.ts";
import { OTHER_SECRET } from "../harness/secrets.ts";
import { TempFolder } from "../harness/temp_folder.ts";
import { skip } from "../harness/test_output.ts";
import { RoleProcesses } from "../harness/role_processes.ts";

// Seen to fail: with the secret in a line of the log, and as a part of base64 in a file of memory.

const BLOCK_BYTES = 1 << 20;

/** Returns each form in which a secret may be stored, by the form's name. */
function formsOf(secret: string): Record<string, string> {
  const bytes = new TextEncoder().encode(secret);
  const forms: Record<string, string> = {
    "as it is": secret,
    "in capitals": secret.toUpperCase(),
    "as hex": bytes.toHex(),
    "as bytes": String.fromCharCode(...Uint8Array.fromHex(secret)),
  };
  for (const alphabet of ["base64", "base64url"] as const) {
    forms[`its bytes as ${alphabet}`] = Uint8Array.fromHex(secret).toBase64({ alphabet });
    // Within a longer text its base64 depends on where it begins, and its ends mix with the neighbours.
    for (const before of [0, 1, 2]) {
      const shifted = new Uint8Array([...new Uint8Array(before), ...bytes]);
      const text = shifted.toBase64({ alphabet, omitPadding: true });
      forms[`as ${alphabet}, after ${before} bytes`] = text.slice(before === 0 ? 0 : 4, -4);
    }
  }
  return forms;
}

/** Returns the names of the forms in a text that has one character for each byte. */
function formsIn(text: string, forms: Record<string, string>): string[] {
  return Object.entries(forms).filter(([, form]) => text.includes(form)).map(([name]) => name);
}

/** Returns the names of the forms in a file of any size. */
async function formsInFile(path: string, forms: Record<string, string>): Promise<string[]> {
  const needles = Object.entries(forms).map(([name, form]) =>
    [name, Buffer.from(form, "latin1")] as const
  );
  const overlap = Math.max(...needles.map(([, needle]) => needle.length));
  const found = new Set<string>();
  using file = await Deno.open(path);
  const block = Buffer.alloc(overlap + BLOCK_BYTES);
  for (let read; (read = await file.read(block.subarray(overlap))) !== null;) {
    const end = overlap + read;
    const seen = block.subarray(0, end);
    for (const [name, needle] of needles) if (seen.includes(needle)) found.add(name);
    block.copyWithin(0, read, end); // a form may lie across two blocks
  }
  return [...found];
}

async function filesBelow(folder: string): Promise<string[]> {
  return (await Array.fromAsync(walk(folder, { includeDirs: false }))).map(({ path }) => path);
}

/** Runs each kind of task and command once: successful, failed, refused, and with crashes. */
async function wholeRun(roles: RoleProcesses, secret: string): Promise<void> {
  const run = (...args: string[]) => roles.ask(...args);
  await roles.startAll();
  const submitted = await run("submit", "shop-2026-11-01.log", "--wait");
  assertEquals(submitted.code, EXIT.done, submitted.stderr);
  assertEquals((await run("submit", "none.log", "--wait")).code, EXIT.failed);
  const { stdout: listed } = await run("list", "--json");
  const tasks = JSON.parse(listed).tasks as { task: string }[];
  for (const { task } of tasks) {
    for (const command of ["get", "watch", "why", "result", "retry", "cancel"]) {
      await run(command, task);
    }
  }
  await run("call", "stats");
  await run("call", "no_such_type", '{"a":1}');
  for (const command of ["health", "agents", "pause", "resume"]) await run(command);

  // Clients that send the secret as a password, and clients with a wrong secret.
  for (const role of ROLES) {
    const address = { hostname: "127.0.0.1", port: roles.site.ports[role] };
    using naive = await RawPeer.connect(address);
    await naive.ask("hello", { nonce: makeNonce() });
    await naive.ask("auth", { mac: secret });
    using guesser = await RawPeer.connect(address);
    assertEquals((await guesser.logIn(OTHER_SECRET)).error.code, "auth_failed");
    await roles.run(role, ["--help"]);
  }
  for (const wrong of [OTHER_SECRET, `${secret}${secret}`, secret.slice(0, 20)]) {
    const { code } = await roles.run("orchestrator", ["list"], { AUTH_TOKEN: wrong });
    assert(code !== EXIT.done);
  }
  await roles.run("orchestrator", ["list"], { AUTH_TOKEN_FILE: "secret/none" });
  await roles.run("collector", ["serve"], { AUTH_TOKEN: `${secret}\n${secret}\n${secret}` });

  assertEquals(await roles.stop("analyzer", "SIGKILL"), 137);
  roles.start("analyzer", { AUTH_TOKEN: OTHER_SECRET });
  await roles.until(["agents"], ({ stdout }) => stdout.includes("the same secret"));
  await roles.stop("analyzer", "SIGKILL");
  roles.start("analyzer");
  await roles.stop("orchestrator", "SIGKILL");
  roles.start("orchestrator");
  await roles.up();
  assertEquals((await run("submit", "--text", "INFO again", "--wait")).code, EXIT.done);
  for (const role of ROLES) assertEquals(await roles.stop(role), EXIT.done, role);
  for (const role of ROLES) await roles.run(role, ["repair"]);
}

Deno.test("the secret is in nothing that a run leaves", async () => {
  await using temp = await TempFolder.make();
  await using roles = await RoleProcesses.in(temp.path);
  assertEquals((await roles.run("orchestrator", ["secret"])).code, EXIT.done);
  const secret = (await Deno.readTextFile(`${temp.path}/secret/token`)).trim();
  const forms = formsOf(secret);
  await wholeRun(roles, secret);

  assert(roles.output.includes('"event":"auth_failure"'), "it was logged that someone guessed");
  assertEquals(formsIn(roles.output, forms), [], "what the processes said");
  assert(roles.commandLines.includes("serve"), "command lines were read");
  assertEquals(formsIn(roles.commandLines, forms), [], "command lines");
  const files = (await filesBelow(temp.path)).filter((path) => !path.endsWith("/secret/token"));
  for (const part of ["memory/orchestrator/", "memory/analyzer/", "/reports/", ".html"]) {
    assert(files.some((path) => path.includes(part)), `there is something in ${part}`);
  }
  const { binaries } = roles.site;
  for (const path of [...files, ...(binaries === undefined ? [] : await filesBelow(binaries))]) {
    assertEquals(await formsInFile(path, forms), [], path);
  }
});

// Seen to fail: with `--env-file`, and with `--include=secret`. The programs in `dist/` were made before the
// secret above was.
Deno.test("compile() puts no secret of a file or variable into a program", async (t) => {
  if (Deno.env.get("BATON_BINARIES") === undefined) {
    return await skip(t, "BATON_BINARIES is not set");
  }
  await using temp = await TempFolder.make();
  const secret = crypto.getRandomValues(new Uint8Array(32)).toHex();
  await Deno.mkdir(`${temp.path}/secret`);
  for (const name of ["secret/token", ".env"]) {
    await Deno.writeTextFile(`${temp.path}/${name}`, `AUTH_TOKEN=${secret}\n`);
  }
  await Deno.writeTextFile(`${temp.path}/main.ts`, 'Deno.env.get("AUTH_TOKEN");\n');
  const before = Deno.env.get("AUTH_TOKEN");
  Deno.env.set("AUTH_TOKEN", secret);
  try {
    const permissions = permissionsOf("orchestrator");
    await compile({ module: "main.ts", permissions, output: "program", cwd: temp.path });
  } finally {
    if (before === undefined) Deno.env.delete("AUTH_TOKEN");
    else Deno.env.set("AUTH_TOKEN", before);
  }
  assertEquals(await formsInFile(`${temp.path}/program`, formsOf(secret)), []);
});

Deno.test("formsInFile() finds a secret in each form, even across two blocks", async () => {
  await using temp = await TempFolder.make();
  const secret = crypto.getRandomValues(new Uint8Array(32)).toHex();
  const forms = formsOf(secret);
  const path = `${temp.path}/planted`;
  for (const [name, form] of Object.entries(forms)) {
    const planted = Uint8Array.from(form, (letter) => letter.charCodeAt(0));
    const bytes = new Uint8Array(2 * BLOCK_BYTES).fill(0x20);
    bytes.set(planted, BLOCK_BYTES - 10);
    await Deno.writeFile(path, bytes);
    assert((await formsInFile(path, forms)).includes(name), name);
    bytes[BLOCK_BYTES] ^= 1;
    await Deno.writeFile(path, bytes);
    assertEquals(await formsInFile(path, forms), [], `${name}, one bit off`);
  }
  const basic = btoa(`user:${secret}:rest`);
  assert(formsIn(`Authorization: Basic ${basic}`, forms).length > 0, "inside of something longer");
});
