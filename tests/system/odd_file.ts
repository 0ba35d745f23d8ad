/**
 * Things in the place of a plain file: links, folders, pipes, sockets and devices.
 *
 * @module
 */
import { makePipe } from "../fuzz/damage_folder.ts";

/** The content of a link's target, which must not change. */
export const TREASURE = "not to be read, and not to be changed";

export interface OddFile extends AsyncDisposable {
  /** The target of a link; absent for other kinds. */
  readonly target?: string;
}

export interface OddKind {
  readonly name: string;
  /** Makes one at a free path. Returns `undefined` if this machine does not allow that. */
  readonly make: (path: string, outside: string) => Promise<OddFile | undefined>;
}

/** All kinds except the hard link, which is a plain file under another name. */
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

/** Makes a copy of `/dev/null`. */
async function device(path: string): Promise<OddFile | undefined> {
  const { success } = await new Deno.Command("mknod", { args: [path, "c", "1", "3"] }).output();
  return success ? odd() : undefined;
}

function odd(target?: string): OddFile {
  return { target, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** Returns the content of the target, or of an untouched one if there is none. */
export async function contentOf({ target }: OddFile): Promise<string> {
  if (target === undefined) return TREASURE;
  try {
    return await Deno.readTextFile(target);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound && target.endsWith("/none")) return TREASURE;
    throw error;
  }
}
