import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { ROLES } from "../../../lib/roles.ts";
import { readOutput } from "../../containers/docker.ts";
import { skip } from "../../harness/test_output.ts";

// Seen to fail: with a package's LICENSE in the programs.
Deno.test("compile() leaves no path of the build machine in a program", async (t) => {
  const binaries = Deno.env.get("BATON_BINARIES");
  if (binaries === undefined) return await skip(t, "BATON_BINARIES is not set");
  const { denoDir } = JSON.parse(await readOutput(Deno.execPath(), "info", "--json"));
  assert(denoDir.startsWith("/"));
  for (const role of ROLES) {
    const program = Buffer.from((await Deno.readFile(`${binaries}/${role}`)).buffer);
    for (const place of [denoDir, "baton-compile-"]) {
      assertEquals(program.includes(place), false, `${place} in the ${role}`);
    }
  }
});
