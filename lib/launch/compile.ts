/**
 * `deno task compile`: each role as one self-contained program in `dist/`, with exactly its own
 * permissions.
 *
 * @module
 */
import { ExitError } from "../exit.ts";
import { runProgram, stdout } from "../program.ts";
import { mainModule, permissionFlags, permissionsOf, ROLES } from "../roles.ts";

/** The heap of a role ends here, in MiB; its container's limit stands above. */
const HEAP_MIB = 256;

await runProgram("compile", async () => {
  for (const role of ROLES) {
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: [
        "compile",
        "--quiet",
        "--frozen",
        "--no-code-cache",
        `--v8-flags=--max-old-space-size=${HEAP_MIB}`,
        ...permissionFlags(permissionsOf(role)),
        `--output=dist/${role}`,
        mainModule(role),
      ],
    }).spawn().status;
    if (!success) throw new ExitError("failed", `Cannot compile ${role}`);
    const { size } = await Deno.stat(`dist/${role}`);
    stdout.write(`dist/${role}  ${(size / 1024 / 1024).toFixed(0)} MiB\n`);
  }
  return 0;
});
