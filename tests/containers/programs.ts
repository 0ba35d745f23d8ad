/**
 * The programs in the images: their permissions, and that the same sources make the same programs.
 *
 * @module
 */
import { copy } from "@std/fs/copy";
import { permissionsOf, type Role, ROLES } from "../../lib/roles.ts";
import { figures } from "../harness/test_output.ts";
import { TempFolder } from "../harness/temp_folder.ts";
import { copySources, VERSION_ARG } from "./build_context.ts";
import { Checks } from "./checks.ts";
import { docker, said, stack } from "./docker.ts";

const containers = await stack();
const checks = new Checks();
const seen = { builtTwice: 0 };

Deno.test.afterAll(() => figures(`${seen.builtTwice} programs and lists built twice`));

// Seen to fail: with a permission added to what is compiled.
checks.test("the programs in the images have their roles' permissions", async () => {
  await using folder = await TempFolder.make();
  for (const role of ROLES) {
    const program = await take(role, role, folder.path);
    const found = await said("grep", "-ao", '"permissions":{[^{}]*}', program);
    const is = JSON.parse(found.split("\n").at(-1)!.slice('"permissions":'.length));
    const { net, read, write, env } = permissionsOf(role);
    const should = { allow_net: net, allow_read: read, allow_write: write, allow_env: env };
    for (const [key, list] of Object.entries(should)) {
      checks.equal(`${role} ${key}`, is[key].toSorted(), list.toSorted());
    }
    for (const key of ["allow_run", "allow_ffi", "allow_sys"]) {
      checks.equal(`${role} ${key}`, is[key], null);
    }
    checks.equal(`${role} prompt`, is.prompt, false);
  }
});

// Seen to fail: where compiling keeps the times of the files, and with a time in a list.
checks.test("the same sources make the same programs and lists, whenever and where they were written", async () => {
  await using folder = await TempFolder.make();
  const context = `${folder.path}/context`;
  await copySources(context, 1_000_000_000);
  for (const name of ["Dockerfile", ".dockerignore"]) await copy(name, `${context}/${name}`);
  const options = ["--no-cache", "--quiet", "--target", "build", ...VERSION_ARG];
  const image = await docker("build", ...options, context);
  try {
    for (
      const [role, name] of ROLES.flatMap((role) => [[role, role], [role, `${role}.cdx.json`]])
    ) {
      const sum = ["--entrypoint", "sha256sum", image, `/src/dist/${name}`];
      const again = await docker("run", "--rm", "--network", "none", ...sum);
      const built = await said("sha256sum", await take(role as Role, name, folder.path));
      checks.equal(name, again.slice(0, 64), built.slice(0, 64));
      seen.builtTwice++;
    }
  } finally {
    await docker("rmi", image);
  }
});

/** Copies a file that lies beside a role's program, or the program, out of its container. */
async function take(role: Role, name: string, folder: string): Promise<string> {
  await docker("cp", `${containers[role].Id}:/baton/${name}`, folder);
  return `${folder}/${name}`;
}
