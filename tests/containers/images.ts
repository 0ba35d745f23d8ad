/**
 * What is in the images.
 *
 * @module
 */
import { copy } from "@std/fs/copy";
import { ensureFile } from "@std/fs/ensure-file";
import { walk } from "@std/fs/walk";
import { ROLES } from "../../lib/roles.ts";
import { TempFolder } from "../harness/temp_folder.ts";
import { figures } from "../harness/test_output.ts";
import { Checks } from "./checks.ts";
import { copySources, VERSION_ARG } from "./build_context.ts";
import { docker, PROJECT, run, said, secretOf, stack } from "./docker.ts";

/** What would let one who is in do more. */
const TOOLS = new Set(
  "sh ash bash dash zsh ksh csh fish busybox toybox env perl python python3 ruby node deno apt apt-get dpkg apk curl wget nc ssh su sudo mount"
    .split(" "),
);

/** Whether a secret of the file "$1" is in the file "$0" or, where that is a layer, in its files. */
const HOLDS = `grep -aqF -f "$1" "$0" ||
  { tar -xOf "$0" 2>/dev/null || true; } | grep -acF -f "$1" >/dev/null`;
/** Where a secret may lie in the folder that images are built from. */
const PLACES = [
  ".env",
  ".env.production",
  ".git/config",
  "backup/token",
  "ca/ca.key",
  "dist/collector",
  "memory/collector/kept",
  "orchestrator.key",
  "secret/token",
];
/** An image of everything that is sent to be built. */
const EVERYTHING = "FROM scratch\nCOPY . /\n";

const containers = await stack();
const checks = new Checks();
const seen = { layers: 0, files: 0 };

Deno.test.afterAll(() =>
  figures(
    `${ROLES.length} images, ${seen.layers} layers, ${seen.files} files`,
  )
);

// Seen to fail: with dash, a copy of it with the set-user-id bit, and a secret/token copied in, and
// with the analyzer's secret in the reporter's image.
checks.test("no layer holds a shell, a file that changes who runs it, or a secret", async () => {
  await using folder = await TempFolder.make();
  const secrets = `${folder.path}/secrets`;
  const all = await Promise.all(ROLES.map((role) => secretOf(containers[role])));
  await Deno.writeTextFile(secrets, all.join("\n") + "\n");
  const images = ROLES.map((role) => containers[role].Image);
  for (const path of await save(`${folder.path}/saved`, ...images)) {
    checks.equal(`secret in ${path}`, await pipe(HOLDS, path, secrets), false);
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
});

// Seen to fail: with `COPY . .` in the Dockerfile, with `ARG AUTH_TOKEN` and an `ENV` of it, with a
// .dockerignore that lists what is not sent, and with a search that `grep -q` ends before tar does.
checks.test("no image takes a secret that is around it when it is built, nor is one sent", async () => {
  await using folder = await TempFolder.make();
  const path = (name: string): string => `${folder.path}/${name}`;
  const secret = crypto.getRandomValues(new Uint8Array(32)).toHex();
  await Deno.writeTextFile(path("secrets"), `${secret}\n`);
  await Deno.writeTextFile(path("everything"), EVERYTHING);
  await copySources(path("context"), 0);
  await copy("Dockerfile", path("context/Dockerfile"));
  for (const place of PLACES) {
    await ensureFile(path(`context/${place}`));
    await Deno.writeTextFile(path(`context/${place}`), `AUTH_TOKEN=${secret}\n`);
  }

  let builds = 0;
  const holds = async (...options: string[]): Promise<boolean> => {
    const args = [...VERSION_ARG, "--build-arg", `AUTH_TOKEN=${secret}`, ...options];
    // By a name of its own: from the cache it may be one of the stack's images.
    const image = `${PROJECT}-secret-around-${++builds}`;
    await docker("build", "--quiet", "--tag", image, ...args, path("context"));
    try {
      const files = await save(path(image), image);
      const found = await Promise.all(files.map((file) => pipe(HOLDS, file, path("secrets"))));
      return found.includes(true);
    } finally {
      await docker("rmi", image);
    }
  };
  await said("tar", "-czf", path("layer"), "-C", path("context"), ".");
  checks.equal("found in a layer", await pipe(HOLDS, path("layer"), path("secrets")), true);
  checks.equal("found where all is taken", await holds("--file", path("everything")), true);
  for (const role of ROLES) checks.equal(role, await holds("--target", role), false);
  await copy(".dockerignore", path("context/.dockerignore"));
  checks.equal("sent", await holds("--file", path("everything")), false);
});

/** Saves images into a folder: the files are what Docker says of them, and their layers. */
async function save(folder: string, ...images: string[]): Promise<string[]> {
  await Deno.mkdir(folder);
  const saved = await pipe(`docker save "$@" | tar -x -C "$0"`, folder, ...images);
  if (!saved) throw new Error(`Cannot save ${images.join(" ")}`);
  return (await Array.fromAsync(walk(folder, { includeDirs: false }))).map(({ path }) => path);
}

/** Runs a line of shell on this machine; whether it went well. */
async function pipe(line: string, ...args: string[]): Promise<boolean> {
  return (await run("bash", "-o", "pipefail", "-c", line, ...args)).code === 0;
}

// Seen to fail: with dash copied in, with `USER root`, and with `USER 65532`.
checks.test("an image starts no shell, and nothing as root", async () => {
  for (const role of ROLES) {
    const image = containers[role].Image;
    const confined = ["--rm", "--network", "none", "--entrypoint", "/bin/sh"];
    const { code, stderr } = await run("docker", "run", ...confined, image, "-c", "true");
    checks.equal(`${role} shell: ${stderr}`, [code, stderr.includes("no such file")], [127, true]);
    const user = await docker("image", "inspect", "-f", "{{.Config.User}}", image);
    checks.equal(`${role} user`, user, "65532:65532");
  }
});
