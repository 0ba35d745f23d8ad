/**
 * What is in the images: no shell, no secret, no file that changes its user.
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
import { docker, inspectStack, PROJECT, readOutput, readSecret, run } from "./docker.ts";

/** Programs that would help an attacker inside a container. */
const TOOLS = new Set(
  "sh ash bash dash zsh ksh csh fish busybox toybox env perl python python3 ruby node deno apt apt-get dpkg apk curl wget nc ssh su sudo mount"
    .split(" "),
);

/** Shell: succeeds if the file "$0" holds a secret of the file "$1". Looks into a layer's files too. */
const HOLDS_SECRET = `grep -aqF -f "$1" "$0" ||
  { tar -xOf "$0" 2>/dev/null || true; } | grep -acF -f "$1" >/dev/null`;
/** Places of secrets in a checkout that images are built from. */
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
/** A Dockerfile that copies everything that Docker is sent. */
const EVERYTHING = "FROM scratch\nCOPY . /\n";

const containers = await inspectStack();
const checks = new Checks();
const seen = { layers: 0, files: 0 };

Deno.test.afterAll(() =>
  figures(
    `${ROLES.length} images, ${seen.layers} layers, ${seen.files} files`,
  )
);

// Seen to fail: with dash, with a copy of it that has the set-user-id bit, with a secret/token, and with
// the analyzer's secret in the reporter's image.
checks.test("no layer holds a shell, a set-user-id file or a secret", async () => {
  await using folder = await TempFolder.make();
  const secrets = `${folder.path}/secrets`;
  const texts = await Promise.all(ROLES.map((role) => readSecret(containers[role])));
  await Deno.writeTextFile(secrets, texts.join("\n") + "\n");
  const images = ROLES.map((role) => containers[role].Image);
  for (const path of await save(`${folder.path}/saved`, ...images)) {
    checks.equal(`secret in ${path}`, await shell(HOLDS_SECRET, path, secrets), false);
    const { code, stdout } = await run("tar", "--numeric-owner", "-tvf", path);
    if (code !== 0 || stdout === "") continue; // not a layer, but JSON about the image
    seen.layers++;
    for (const line of stdout.split("\n")) {
      const [mode, , , , , name] = line.split(/\s+/);
      if (mode.startsWith("d")) continue;
      seen.files++;
      checks.equal(`tool ${name}`, TOOLS.has(name.split("/").at(-1)!), false);
      checks.equal(`mode of ${name}`, /s/i.test(mode), false);
      const isData = /(^|\/)(secret|memory|inbox)\//.test(name);
      checks.equal(`data ${name}`, isData, false);
    }
  }
  checks.equal("layers", seen.layers > ROLES.length, true);
});

// Seen to fail: with `COPY . .` in the Dockerfile, with `ARG AUTH_TOKEN` and an `ENV` of it, with a
// .dockerignore that lists only what is left out, and with `grep -q`, which ends before tar does.
checks.test("no image takes a secret from the checkout, and Docker is sent none", async () => {
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
    // A name of its own, because a cached build may return one of the stack's images.
    const image = `${PROJECT}-secret-around-${++builds}`;
    await docker("build", "--quiet", "--tag", image, ...args, path("context"));
    try {
      const files = await save(path(image), image);
      const results = await Promise.all(
        files.map((file) => shell(HOLDS_SECRET, file, path("secrets"))),
      );
      return results.includes(true);
    } finally {
      await docker("rmi", image);
    }
  };
  await readOutput("tar", "-czf", path("layer"), "-C", path("context"), ".");
  checks.equal(
    "found in an archive",
    await shell(HOLDS_SECRET, path("layer"), path("secrets")),
    true,
  );
  checks.equal("found if everything is sent", await holds("--file", path("everything")), true);
  for (const role of ROLES) checks.equal(role, await holds("--target", role), false);
  await copy(".dockerignore", path("context/.dockerignore"));
  checks.equal("found in what is sent", await holds("--file", path("everything")), false);
});

/** Saves images into a folder; returns the paths of their layers and of the JSON about them. */
async function save(folder: string, ...images: string[]): Promise<string[]> {
  await Deno.mkdir(folder);
  const ok = await shell(`docker save "$@" | tar -x -C "$0"`, folder, ...images);
  if (!ok) throw new Error(`Cannot save ${images.join(" ")}`);
  return (await Array.fromAsync(walk(folder, { includeDirs: false }))).map(({ path }) => path);
}

/** Runs a line of shell on this machine; returns whether it succeeded. */
async function shell(line: string, ...args: string[]): Promise<boolean> {
  return (await run("bash", "-o", "pipefail", "-c", line, ...args)).code === 0;
}

// Seen to fail: with dash, with `USER root`, and with `USER 65532`.
checks.test("each image runs as the user 65532, and cannot start a shell", async () => {
  for (const role of ROLES) {
    const image = containers[role].Image;
    const confined = ["--rm", "--network", "none", "--entrypoint", "/bin/sh"];
    const { code, stderr } = await run("docker", "run", ...confined, image, "-c", "true");
    checks.equal(`${role} shell: ${stderr}`, [code, stderr.includes("no such file")], [127, true]);
    const user = await docker("image", "inspect", "-f", "{{.Config.User}}", image);
    checks.equal(`${role} user`, user, "65532:65532");
  }
});
