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
import { docker, inspectStack, readOutput } from "./docker.ts";

const containers = await inspectStack();
const checks = new Checks();
let rebuilt = 0;

Deno.test.afterAll(() => figures(`${rebuilt} programs and package lists built twice`));

// Seen to fail: with one more permission in the program.
checks.test("each program in an image has exactly its role's permissions", async () => {
  await using folder = await TempFolder.make();
  for (const role of ROLES) {
    const program = await copyOut(role, role, folder.path);
    const found = await readOutput("grep", "-ao", '"permissions":{[^{}]*}', program);
    const actual = JSON.parse(found.split("\n").at(-1)!.slice('"permissions":'.length));
    const { net, read, write, env } = permissionsOf(role);
    const expected = { allow_net: net, allow_read: read, allow_write: write, allow_env: env };
    for (const [key, list] of Object.entries(expected)) {
      checks.equal(`${role} ${key}`, actual[key].toSorted(), list.toSorted());
    }
    for (const key of ["allow_run", "allow_ffi", "allow_sys"]) {
      checks.equal(`${role} ${key}`, actual[key], null);
    }
    checks.equal(`${role} prompt`, actual.prompt, false);
  }
});

// Seen to fail: with a compiler that keeps the times of the files, and with a time in a package list.
checks.test("the same sources make the same programs and package lists, at any time and in any folder", async () => {
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
      const built = await readOutput("sha256sum", await copyOut(role as Role, name, folder.path));
      checks.equal(name, again.slice(0, 64), built.slice(0, 64));
      rebuilt++;
    }
  } finally {
    await docker("rmi", image);
  }
});

/** Copies the file `name` out of a role's container; returns its new path. */
async function copyOut(role: Role, name: string, folder: string): Promise<string> {
  await docker("cp", `${containers[role].Id}:/baton/${name}`, folder);
  return `${folder}/${name}`;
}
