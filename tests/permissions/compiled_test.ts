/**
 * The permissions that a compiled program carries in itself. Seen to fail with a program that was
 * compiled with one variable more, with `--allow-sys`, and without `--no-prompt`.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { permissionsOf, ROLES } from "../../lib/roles.ts";
import { skip } from "../harness/test_output.ts";

const MARK = '"permissions":';

Deno.test("compile() writes into each program exactly the permissions of its role", async (t) => {
  const binaries = Deno.env.get("BATON_BINARIES");
  if (binaries === undefined) return await skip(t, "BATON_BINARIES is not set");
  for (const role of ROLES) {
    const carried = permissionsIn(await Deno.readFile(`${binaries}/${role}`));
    const { net, read, write, env, import: hosts } = permissionsOf(role);
    assertEquals(carried, {
      allow_net: net,
      allow_read: read,
      allow_write: write,
      allow_env: env,
      allow_import: hosts,
      prompt: false,
    }, role);
  }
});

/** Returns the record of permissions in a program, which is plain JSON, without those not granted. */
function permissionsIn(program: Uint8Array): Record<string, unknown> {
  const bytes = Buffer.from(program.buffer);
  const start = bytes.indexOf(`${MARK}{`);
  assertEquals(bytes.indexOf(`${MARK}{`, start + 1), -1, "one record");
  const text = bytes.subarray(start + MARK.length, bytes.indexOf("}", start) + 1).toString();
  const { prompt, ...given } = JSON.parse(text);
  const entries = Object.entries(given).filter(([, value]) => value !== null && value !== false);
  return { ...Object.fromEntries(entries), prompt };
}
