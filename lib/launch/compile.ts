/**
 * `deno task compile`: each role as one self-contained program in `dist/`, with exactly its own
 * permissions, and a list of what is in it. The same sources make the same programs and lists, byte
 * for byte.
 *
 * @module
 */
import { copy } from "@std/fs/copy";
import { walk } from "@std/fs/walk";
import { ExitError } from "../exit.ts";
import { runProgram, stdout } from "../process/program.ts";
import {
  mainModule,
  permissionFlags,
  type Permissions,
  permissionsOf,
  type Role,
  ROLES,
} from "../roles.ts";
import { sbomOf } from "./sbom.ts";

/** The heap of a role ends here, in MiB; its container's limit stands above. */
const HEAP_MIB = 256;
const SOURCES = ["deno.json", "deno.lock", "lib", "agents", "orchestrator"];

export interface CompileOptions {
  readonly module: string;
  readonly permissions: Permissions;
  readonly output: string;
  /** Files of packages that are not to be in it. */
  readonly exclude?: readonly string[];
  /** Where the sources are; without it the working directory. */
  readonly cwd?: string;
}

/**
 * Compiles a module into one program.
 *
 * @throws {ExitError} `failed` where it does not compile; Deno has said why on stderr
 */
export async function compile(
  { module, permissions, output, exclude = [], cwd }: CompileOptions,
): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      "--quiet",
      "--frozen",
      "--no-code-cache",
      ...permissionFlags(permissions, [`--max-old-space-size=${HEAP_MIB}`]),
      ...exclude.map((path) => `--exclude=${path}`),
      `--output=${output}`,
      module,
    ],
    ...(cwd === undefined ? {} : { cwd }),
  }).spawn().status;
  if (!success) throw new ExitError("failed", `Cannot compile ${module}`);
}

/** Lists what is in a role's program, by its modules and the deno.lock in `cwd`. */
export async function makeSbom(role: Role, cwd: string): Promise<ReturnType<typeof sbomOf>> {
  const graph = await runDeno(cwd, ["info", "--json", "--frozen", mainModule(role)]);
  const lock = await Deno.readTextFile(`${cwd}/deno.lock`);
  return sbomOf(role, JSON.parse(graph), JSON.parse(lock), Deno.version.deno);
}

async function runDeno(cwd: string, args: string[]): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), { args, cwd, stderr: "inherit" });
  const { success, stdout } = await command.output();
  if (!success) throw new ExitError("failed", `Cannot run deno ${args.join(" ")}`);
  return new TextDecoder().decode(stdout);
}

/** Where the npm packages of the programs lie in Deno's cache. */
async function packageFolders(cwd: string): Promise<string[]> {
  const { npmCache } = JSON.parse(await runDeno(cwd, ["info", "--json"]));
  const { npm = {} } = JSON.parse(await Deno.readTextFile("deno.lock"));
  const folders = [];
  for await (const { name: registry } of Deno.readDir(npmCache)) {
    for (const key of Object.keys(npm)) { // as in "zod@4.6.7", "@scope/name@1.0.0"
      const at = key.lastIndexOf("@");
      folders.push(`${npmCache}/${registry}/${key.slice(0, at)}/${key.slice(at + 1)}`);
    }
  }
  return folders;
}

/**
 * Files whose name does not say what is in them, as LICENSE. Deno tries to read them as code, and a
 * program would keep its error, with the place of this machine's cache.
 */
async function unnamed(folders: readonly string[]): Promise<string[]> {
  const walks = folders.map((folder) => Array.fromAsync(walk(folder, { includeDirs: false })));
  return (await Promise.all(walks)).flat().filter(({ name }) => !name.includes("."))
    .map(({ path }) => path);
}

async function forgetTimes(folder: string): Promise<void> {
  for await (const { path } of walk(folder)) await Deno.utime(path, 0, 0);
}

if (import.meta.main) {
  await runProgram("compile", async () => {
    const dist = `${Deno.cwd()}/dist`;
    const cwd = await Deno.makeTempDir({ prefix: "baton-compile-" });
    try {
      for (const source of SOURCES) await copy(source, `${cwd}/${source}`);
      await runDeno(cwd, [
        "install",
        "--quiet",
        "--frozen",
        "--entrypoint",
        ...ROLES.map(mainModule),
      ]);
      // A program keeps the times of the files that it is made of, those of its packages too.
      const packages = await packageFolders(cwd);
      for (const folder of [cwd, ...packages]) await forgetTimes(folder);
      const exclude = await unnamed(packages);
      for (const role of ROLES) {
        const output = `${dist}/${role}`;
        const module = mainModule(role);
        await compile({ module, permissions: permissionsOf(role), output, exclude, cwd });
        const sbom = JSON.stringify(await makeSbom(role, cwd), null, 2);
        await Deno.writeTextFile(`${output}.cdx.json`, sbom + "\n");
        const { size } = await Deno.stat(output);
        stdout.write(`dist/${role}  ${(size / 1024 / 1024).toFixed(0)} MiB\n`);
      }
    } finally {
      await Deno.remove(cwd, { recursive: true });
    }
    return 0;
  });
}
