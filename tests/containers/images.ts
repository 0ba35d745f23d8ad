/**
 * What is in the images, and whether the same sources make the same programs.
 *
 * @module
 */
import { copy } from "@std/fs/copy";
import { walk } from "@std/fs/walk";
import { permissionsOf, type Role, ROLES } from "../../lib/roles.ts";
import { figures } from "../disk/left_out.ts";
import { TempFolder } from "../lib/temp_folder.ts";
import { Checks } from "./checks.ts";
import { docker, run, said, secretOf, stack } from "./docker.ts";

const SOURCES = ["deno.json", "deno.lock", "lib", "agents", "orchestrator"];
/** What would let one who is in do more. */
const TOOLS = new Set(
  "sh ash bash dash zsh ksh csh fish busybox toybox env perl python python3 ruby node deno apt apt-get dpkg apk curl wget nc ssh su sudo mount"
    .split(" "),
);

const containers = await stack();
const checks = new Checks();
const seen = { layers: 0, files: 0, programs: 0 };

Deno.test.afterAll(() =>
  figures(
    `${ROLES.length} images, ${seen.layers} layers, ${seen.files} files, ` +
      `${seen.programs} programs built twice`,
  )
);

// Seen to fail: with dash, a copy of it with the set-user-id bit, and a secret/token copied in.
checks.test("no layer holds a shell, a file that changes who runs it, or a secret", async () => {
  await using folder = await TempFolder.make();
  const secret = `${folder.path}/secret`;
  await Deno.writeTextFile(secret, await secretOf(containers.orchestrator) + "\n");
  await Deno.mkdir(`${folder.path}/saved`);
  const images = ROLES.map((role) => containers[role].Image);
  await pipe(`docker save "$@" | tar -x -C "$0"`, `${folder.path}/saved`, ...images);
  for await (const { path } of walk(`${folder.path}/saved`, { includeDirs: false })) {
    if (await pipe(`tar -xOf "$0" 2>&1 | grep -aqF -f "$1"`, path, secret)) {
      checks.equal(`secret in ${path}`, true, false);
    }
    const { code, stdout } = await run("tar", "--numeric-owner", "-tvf", path);
    if (code !== 0 || stdout === "") continue; // no layer: what Docker says of it
    seen.layers++;
    for (const line of stdout.split("\n")) {
      const [mode, , , , , name] = line.split(/\s+/);
      if (mode.startsWith("d")) continue;
      seen.files++;
      checks.equal(`tool ${name}`, TOOLS.has(name.split("/").at(-1)!), false);
      checks.equal(`mode of ${name}`, /s/i.test(mode), false);
      const kept = /(^|\/)(secret|memory|inbox)\//.test(name);
      checks.equal(`data ${name}`, kept, false);
    }
  }
  checks.equal("layers", seen.layers > ROLES.length, true);
  checks.equal("search", await pipe(`grep -aqF -f "$0" "$0"`, secret), true);
});

/** Runs a line of shell on this machine; whether it went well. */
async function pipe(line: string, ...args: string[]): Promise<boolean> {
  return (await run("bash", "-o", "pipefail", "-c", line, ...args)).code === 0;
}

// Seen to fail: with dash copied in, and with `USER root`.
checks.test("an image starts no shell, and nothing as root", async () => {
  for (const role of ROLES) {
    const image = containers[role].Image;
    const confined = ["--rm", "--network", "none", "--entrypoint", "/bin/sh"];
    const { code, stderr } = await run("docker", "run", ...confined, image, "-c", "true");
    checks.equal(`${role} shell: ${stderr}`, [code, stderr.includes("no such file")], [127, true]);
    const user = await docker("image", "inspect", "-f", "{{.Config.User}}", image);
    checks.equal(`${role} user`, user.split(":")[0], "65532");
  }
});

// Seen to fail: with a permission added to what is compiled.
checks.test("the programs in the images have their roles' permissions", async () => {
  await using folder = await TempFolder.make();
  for (const role of ROLES) {
    const program = await takeProgram(role, folder.path);
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

// Seen to fail: where compiling keeps the times of the files.
checks.test("the same sources make the same programs, whenever and where they were written", async () => {
  await using folder = await TempFolder.make();
  const context = `${folder.path}/context`;
  await copySources(context, 1_000_000_000);
  for (const name of ["Dockerfile", ".dockerignore"]) await copy(name, `${context}/${name}`);
  const version = `DENO_VERSION=${Deno.env.get("DENO_VERSION")}`;
  const options = ["--no-cache", "--quiet", "--target", "build", "--build-arg", version];
  const image = await docker("build", ...options, context);
  try {
    for (const role of ROLES) {
      const sum = ["--entrypoint", "sha256sum", image, `/src/dist/${role}`];
      const again = await docker("run", "--rm", "--network", "none", ...sum);
      const built = await said("sha256sum", await takeProgram(role, folder.path));
      checks.equal(role, again.slice(0, 64), built.slice(0, 64));
      seen.programs++;
    }
  } finally {
    await docker("rmi", image);
  }
});

/** Copies the program of a role out of its container. */
async function takeProgram(role: Role, folder: string): Promise<string> {
  await docker("cp", `${containers[role].Id}:/baton/${role}`, folder);
  return `${folder}/${role}`;
}

/** Copies what is compiled, all of it last written at one time. */
async function copySources(folder: string, seconds: number): Promise<void> {
  await Deno.mkdir(folder);
  for (const source of SOURCES) await copy(source, `${folder}/${source}`);
  for await (const { path } of walk(folder)) await Deno.utime(path, seconds, seconds);
}
