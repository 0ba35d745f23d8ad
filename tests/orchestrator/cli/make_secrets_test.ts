import { assertEquals, assertStringIncludes } from "@std/assert";
import { launch } from "../../../lib/launch/launch.ts";
import { PORTS } from "../../../lib/roles.ts";
import { TempFolder } from "../../harness/temp_folder.ts";

/** What `orchestrator secret` says in a folder, and the secret that is there then. */
async function secretIn(folder: string): Promise<{ said: string; secret: string }> {
  const site = { folder, ports: PORTS, inbox: "inbox" };
  const child = launch("orchestrator", site, { args: ["secret"], stdout: "piped" });
  const { code, stdout } = await child.output();
  assertEquals(code, 0);
  const secret = await Deno.readTextFile(`${folder}/secret/token`);
  return { said: new TextDecoder().decode(stdout), secret };
}

Deno.test("makeSecret() keeps a secret that is there, and makes one in place of an empty file", async () => {
  await using folder = await TempFolder.make();
  await Deno.mkdir(`${folder.path}/secret`);
  await Deno.writeTextFile(`${folder.path}/secret/token`, "");
  const made = await secretIn(folder.path);
  assertStringIncludes(made.said, "Made a new secret");
  assertEquals(/^[0-9a-f]{64}\n$/.test(made.secret), true);
  const kept = await secretIn(folder.path);
  assertStringIncludes(kept.said, "There is a secret");
  assertEquals(kept.secret, made.secret);
});
