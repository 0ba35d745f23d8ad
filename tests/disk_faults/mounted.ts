/**
 * File systems of a test's own, gone when it is over.
 *
 * @module
 */

/** A folder that a file system is mounted on. */
export class Mounted implements AsyncDisposable {
  private constructor(readonly path: string) {}

  /**
   * Mounts on an empty folder.
   *
   * @param args of `mount`, without the folder
   */
  static async on(path: string, ...args: string[]): Promise<Mounted> {
    await Deno.mkdir(path, { recursive: true });
    await run("mount", ...args, path);
    return new Mounted(path);
  }

  /** Also where something still runs on it; a loop device goes with its mount. */
  async [Symbol.asyncDispose](): Promise<void> {
    await run("umount", this.path).catch(() => run("umount", "--lazy", this.path));
  }
}

/** A file system in memory. */
export function mountSmall(path: string, options: string): Promise<Mounted> {
  return Mounted.on(path, "-t", "tmpfs", "-o", options, "baton-test");
}

/** Why nothing can be mounted here; nothing where it can. */
export async function whyNoMount(folder: string): Promise<string | undefined> {
  try {
    await using _ = await mountSmall(`${folder}/try`, "size=64k");
    return undefined;
  } catch {
    return "nothing may be mounted here"; // root alone may, and not in each container
  }
}

/** Runs a program to its end and gives what it prints. */
export async function run(program: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    stdin: "null",
    signal: AbortSignal.timeout(30_000),
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`${program} ${args.join(" ")}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}
