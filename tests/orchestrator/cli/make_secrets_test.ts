import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../../lib/exit.ts";
import { launch } from "../../../lib/launch/launch.ts";
import { PORTS } from "../../../lib/roles.ts";
import { TempFolder } from "../../harness/temp_folder.ts";

/** Runs `orchestrator secret FILE…` in a folder. */
async function runSecret(
  folder: string,
  ...files: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const site = { folder, ports: PORTS, inbox: "inbox" };
  const options = { args: ["secret", ...files], stdout: "piped", stderr: "piped" } as const;
  const { code, stdout, stderr } = await launch("orchestrator", site, options).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, stdout: out, stderr: err };
}

Deno.test("makeSecrets() keeps a secret that is there, and makes one in place of an empty file", async () => {
  await using folder = await TempFolder.make();
  const token = `${folder.path}/secret/token`;
  await Deno.mkdir(`${folder.path}/secret`);
  await Deno.writeTextFile(token, "");
  assertStringIncludes((await runSecret(folder.path)).stdout, "Made a new secret");
  const made = await Deno.readTextFile(token);
  assertMatch(made, /^[0-9a-f]{64}\n$/);
  assertStringIncludes((await runSecret(folder.path)).stdout, "There is a secret");
  assertEquals(await Deno.readTextFile(token), made);
});

Deno.test("makeSecrets() makes a different secret in each file, readable by its owner only", async () => {
  await using folder = await TempFolder.make();
  const files = ["secret/clients/token", "secret/analyzer"];
  const { code, stdout, stderr } = await runSecret(folder.path, ...files);
  assertEquals(code, EXIT.done, stderr);
  assertEquals(stdout, files.map((file) => `Made a new secret in ${file}\n`).join(""));
  const paths = files.map((file) => `${folder.path}/${file}`);
  const secrets = await Promise.all(paths.map((path) => Deno.readTextFile(path)));
  for (const secret of secrets) assertMatch(secret, /^[0-9a-f]{64}\n$/);
  assertEquals(new Set(secrets).size, files.length);
  for (const path of paths) assertEquals((await Deno.stat(path)).mode! & 0o777, 0o400);
});

Deno.test("makeSecrets() refuses a file outside of the folder secret", async () => {
  await using folder = await TempFolder.make();
  for (const file of ["token", "memory/token", "secret/../token"]) {
    const { code, stderr } = await runSecret(folder.path, file);
    assertEquals(code, EXIT.not_permitted);
    assertStringIncludes(stderr, `Cannot make a secret in ${file}: Requires write access`);
  }
  assertEquals(await Array.fromAsync(Deno.readDir(folder.path)), []);
});
