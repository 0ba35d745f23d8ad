/**
 * `deno task compile`: makes each role one self-contained program in `dist/`, with exactly its own
 * permissions, and a list of what the program contains. The same sources make the same programs and
 * lists, byte for byte.
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
import { parsePackageId, sbomOf } from "./sbom.ts";

/** The largest heap of a role, in MiB; the memory limit of its container is higher. */
const HEAP_MIB = 256;
/** What a program is made of, relative to the project. */
const SOURCES = ["deno.json", "deno.lock", "lib", "agents", "orchestrator"];

/** What `compile` needs to know. */
export interface CompileOptions {
  /** The program's main module. */
  readonly module: string;
  readonly permissions: Permissions;
  /** The path of the program to write. */
  readonly output: string;
  /** Files of packages to leave out; none by default. */
  readonly exclude?: readonly string[];
  /** The folder of the sources; the working directory by default. */
  readonly cwd?: string;
}

/**
 * Compiles a module into one program.
 *
 * @throws {ExitError} `failed` if it does not compile; Deno has written why to stderr
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

/**
 * Lists what a role's program contains, from its modules and the deno.lock in `cwd`.
 *
 * @throws {ExitError} `failed` if Deno cannot read the modules
 */
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

/** Returns the folders of the programs' npm packages in Deno's cache. */
async function packageFolders(cwd: string): Promise<string[]> {
  const { npmCache } = JSON.parse(await runDeno(cwd, ["info", "--json"]));
  const { npm = {} } = JSON.parse(await Deno.readTextFile("deno.lock"));
  const folders = [];
  for await (const { name: registry } of Deno.readDir(npmCache)) {
    for (const id of Object.keys(npm)) {
      const { name, version } = parsePackageId(id);
      folders.push(`${npmCache}/${registry}/${name}/${version}`);
    }
  }
  return folders;
}

/**
 * Returns the files whose names have no ending, such as LICENSE. Deno tries to read them as code, and
 * the program would contain the error, with the path of this machine's cache.
 */
async function filesWithoutEnding(folders: readonly string[]): Promise<string[]> {
  const walks = folders.map((folder) => Array.fromAsync(walk(folder, { includeDirs: false })));
  return (await Promise.all(walks)).flat().filter(({ name }) => !name.includes("."))
    .map(({ path }) => path);
}

/** Sets all times in a folder to 0, since a program contains those of the files it is made of. */
async function resetTimes(folder: string): Promise<void> {
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
      const packages = await packageFolders(cwd);
      for (const folder of [cwd, ...packages]) await resetTimes(folder);
      const exclude = await filesWithoutEnding(packages);
      await Promise.all(ROLES.map(async (role) => {
        const output = `${dist}/${role}`;
        const module = mainModule(role);
        await compile({ module, permissions: permissionsOf(role), output, exclude, cwd });
        const sbom = JSON.stringify(await makeSbom(role, cwd), null, 2);
        await Deno.writeTextFile(`${output}.cdx.json`, sbom + "\n");
        const { size } = await Deno.stat(output);
        stdout.write(`dist/${role}  ${(size / 1024 / 1024).toFixed(0)} MiB\n`);
      }));
    } finally {
      await Deno.remove(cwd, { recursive: true });
    }
    return 0;
  });
}
