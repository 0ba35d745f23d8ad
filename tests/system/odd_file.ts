/**
 * Things that have a file's name and are no plain file.
 *
 * @module
 */
import { makePipe } from "../fuzz/damage_folder.ts";

/** What a link leads to, and what must stay as it is. */
export const TREASURE = "not to be read, and not to be changed";

export interface OddFile extends AsyncDisposable {
  /** What a link leads to; nothing for other kinds. */
  readonly target?: string;
}

export interface OddKind {
  readonly name: string;
  /** Puts one at a path that is free; nothing where that is not allowed here. */
  readonly make: (path: string, outside: string) => Promise<OddFile | undefined>;
}

/** Each kind but the hard link, which is a plain file by another name. */
export const ODD_KINDS: readonly OddKind[] = [
  { name: "link to a file outside", make: (path, outside) => link(path, `${outside}/treasure`) },
  { name: "link to a file beside it", make: (path) => link(path, `${path}.beside`) },
  {
    name: "relative link",
    make: async (path, outside) => {
      await link(path, `${outside}/treasure`);
      await Deno.remove(path);
      const up = "../".repeat(path.split("/").length - 2);
      await Deno.symlink(`${up}${outside.slice(1)}/treasure`, path);
      return odd(`${outside}/treasure`);
    },
  },
  {
    name: "dangling link",
    make: async (path, outside) => {
      await Deno.symlink(`${outside}/none`, path);
      return odd(`${outside}/none`);
    },
  },
  {
    name: "link to itself",
    make: async (path) => {
      await Deno.symlink(path, path);
      return odd();
    },
  },
  {
    name: "link to a folder",
    make: async (path, outside) => {
      await Deno.symlink(outside, path);
      return odd();
    },
  },
  {
    name: "folder",
    make: async (path) => {
      await Deno.mkdir(`${path}/inner`, { recursive: true });
      return odd();
    },
  },
  {
    name: "pipe",
    make: async (path) => {
      await makePipe(path);
      return odd();
    },
  },
  { name: "socket", make: socket },
  { name: "device", make: device },
];

async function link(path: string, target: string): Promise<OddFile> {
  await Deno.writeTextFile(target, TREASURE);
  await Deno.symlink(target, path);
  return odd(target);
}

function socket(path: string): Promise<OddFile> {
  const listener = Deno.listen({ transport: "unix", path });
  return Promise.resolve({
    [Symbol.asyncDispose]: () => Promise.resolve(listener.close()),
  });
}

/** The one that takes and gives nothing. */
async function device(path: string): Promise<OddFile | undefined> {
  const { success } = await new Deno.Command("mknod", { args: [path, "c", "1", "3"] }).output();
  return success ? odd() : undefined;
}

function odd(target?: string): OddFile {
  return { target, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** What is to be said of a target afterwards: its text, or that there is none. */
export async function contentOf({ target }: OddFile): Promise<string> {
  if (target === undefined) return TREASURE;
  try {
    return await Deno.readTextFile(target);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound && target.endsWith("/none")) return TREASURE;
    throw error;
  }
}
