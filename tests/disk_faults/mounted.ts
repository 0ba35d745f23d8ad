/**
 * File systems that a test mounts for itself.
 *
 * @module
 */

import { assertEquals } from "@std/assert";

/** A folder on which a file system is mounted until it is disposed of. */
export class Mounted implements AsyncDisposable {
  private constructor(readonly path: string) {}

  /**
   * Creates the folder and mounts on it.
   *
   * @param args of `mount`, without the folder
   */
  static async on(path: string, ...args: string[]): Promise<Mounted> {
    await Deno.mkdir(path, { recursive: true });
    await run("mount", ...args, path);
    return new Mounted(path);
  }

  /** Unmounts, even if a process still uses it. A loop device is freed with its mount. */
  async [Symbol.asyncDispose](): Promise<void> {
    await run("umount", this.path).catch(() => run("umount", "--lazy", this.path));
  }
}

/** Mounts a file system in memory. */
export function mountSmall(path: string, options: string): Promise<Mounted> {
  return Mounted.on(path, "-t", "tmpfs", "-o", options, "baton-test");
}

/** Why nothing can be mounted here; `undefined` if it can. */
export async function whyNoMount(folder: string): Promise<string | undefined> {
  try {
    await using _ = await mountSmall(`${folder}/try`, "size=64k");
    return undefined;
  } catch {
    return "nothing may be mounted here"; // only root may, and not in every container
  }
}

/**
 * Takes all room of a disk.
 *
 * @returns a function that frees it
 */
export async function fillDisk(path: string): Promise<() => Promise<void>> {
  const filler = `${path}/filler`;
  const block = new Uint8Array(4096);
  using file = await Deno.open(filler, { create: true, write: true });
  try {
    while (true) await file.write(block);
  } catch (error) {
    assertEquals((error as { code?: string }).code, "ENOSPC");
  }
  return () => Deno.remove(filler);
}

/** Runs a program to its end and returns what it prints. */
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
