import { syncFolder } from "./atomic_file.ts";
import type { Damage } from "./damage.ts";
import { ignoreMissing } from "../system_errors.ts";

/** One change of a memory's folder that a repair makes. */
export interface Step {
  /** @param would goes before each verb: empty, or `would be ` if the change is not made */
  readonly describe: (would: string) => string;
  readonly run: () => Promise<void>;
}

/** Returns a step that renames a file to a free name beside it and describes itself with that name. */
export async function moveAside(
  path: string,
  describe: (would: string, aside: string) => string,
): Promise<Step> {
  const aside = await freeName(path);
  const run = async (): Promise<void> => {
    await Deno.rename(path, aside);
    await syncFolder(path.slice(0, path.lastIndexOf("/")));
  };
  return { describe: (would) => describe(would, aside), run };
}

/** Returns a name beside `path` that no file has: `<path>.lost`, `<path>.lost-2`, and so on. */
export async function freeName(path: string): Promise<string> {
  for (let nth = 1;; nth++) {
    const name = nth === 1 ? `${path}.lost` : `${path}.lost-${nth}`;
    if (await Deno.lstat(name).catch(ignoreMissing) === undefined) return name;
  }
}

/** Returns `<path> at byte <offset>: <why>`. */
export function describeDamage({ path, offset, why }: Damage): string {
  return `${path}${offset === undefined ? "" : ` at byte ${offset}`}: ${why}`;
}

/** Returns `1 record`, `2 records`, `2 readable entries`. */
export function count(number: number, thing: string): string {
  const plural = thing.endsWith("y") ? `${thing.slice(0, -1)}ies` : `${thing}s`;
  return `${number} ${number === 1 ? thing : plural}`;
}
