import type { Dice } from "../harness/dice.ts";
import { SimFile } from "./sim_file.ts";
import { systemError } from "./system_errors.ts";

/** The names in a folder: as processes see them, and as they are durable. */
export class SimFolder {
  seen = new Map<string, SimNode>();
  readonly durable = new Map<string, SimNode>();
}

/** What a name in a folder stands for. */
export type SimNode = SimFile | SimFolder;

interface Step {
  readonly folder: SimFolder;
  readonly name: string;
  /** Undefined if the step removes the name. */
  readonly node: SimNode | undefined;
}

/** Where a path leads; `node` is undefined if the folder has no such name. */
interface Place {
  readonly folder: SimFolder;
  readonly name: string;
  readonly node: SimNode | undefined;
}

/**
 * Folders and files by path. A leading `/` or `./` makes no difference. Changes of names become
 * durable in order, and each of them is atomic.
 */
export class SimTree {
  readonly #root = new SimFolder();
  #unsynced: (readonly Step[])[] = [];

  /** Returns the file or folder at this path; undefined if there is none. */
  find(path: string): SimNode | undefined {
    const names = namesOf(path);
    return names.length === 0 ? this.#root : this.#place(path, names).node;
  }

  /**
   * Returns the file or folder at this path.
   *
   * @param about the operation, for the error message
   * @throws {Deno.errors.NotFound} if the path does not exist
   */
  get(path: string, about: string): SimNode {
    const node = this.find(path);
    if (node === undefined) throw systemError("ENOENT", about);
    return node;
  }

  /** Creates an empty file. */
  create(path: string): SimFile {
    const { folder, name } = this.#place(path);
    const node = new SimFile();
    this.#change([{ folder, name, node }]);
    return node;
  }

  /** Creates a folder and its missing parents. */
  makeFolder(path: string): void {
    let folder = this.#root;
    const names = namesOf(path);
    for (const [depth, name] of names.entries()) {
      let node = folder.seen.get(name);
      if (node === undefined) {
        node = new SimFolder();
        this.#change([{ folder, name, node }]);
      }
      if (node instanceof SimFile) {
        const isLast = depth === names.length - 1;
        throw systemError(isLast ? "EEXIST" : "ENOTDIR", `mkdir '${path}'`);
      }
      folder = node;
    }
  }

  /** Renames a file or folder and replaces the target, with the errors of Linux. */
  rename(from: string, to: string): void {
    const about = `rename '${from}' -> '${to}'`;
    const source = this.#place(from);
    const target = this.#place(to);
    const { node } = source;
    if (node === undefined) throw systemError("ENOENT", about);
    if (node === target.node) return;
    if (node instanceof SimFolder && `${to}/`.startsWith(`${from}/`)) {
      throw systemError("EINVAL", about);
    }
    if (target.node instanceof SimFile && node instanceof SimFolder) {
      throw systemError("ENOTDIR", about);
    }
    if (target.node instanceof SimFolder) {
      if (node instanceof SimFile) throw systemError("EISDIR", about);
      if (target.node.seen.size > 0) throw systemError("ENOTEMPTY", about);
    }
    this.#change([
      { folder: source.folder, name: source.name, node: undefined },
      { folder: target.folder, name: target.name, node },
    ]);
  }

  /** Removes a file or an empty folder. */
  remove(path: string): void {
    const { folder, name, node } = this.#place(path);
    if (node === undefined) throw systemError("ENOENT", `remove '${path}'`);
    if (node instanceof SimFolder && node.seen.size > 0) {
      throw systemError("ENOTEMPTY", `remove '${path}'`);
    }
    this.#change([{ folder, name, node: undefined }]);
  }

  /** Makes the names in a folder durable, and all earlier changes on which they depend. */
  sync(folder: SimFolder): void {
    const needed = new Set<SimNode>([folder]);
    const [synced, pending]: (readonly Step[])[][] = [[], []];
    for (const steps of this.#unsynced.toReversed()) {
      const isNeeded = steps.some(({ folder, node }) =>
        needed.has(folder) || (node !== undefined && needed.has(node))
      );
      (isNeeded ? synced : pending).push(steps);
      if (isNeeded) { for (const { folder } of steps) needed.add(folder); }
    }
    for (const steps of synced.toReversed()) makeDurable(steps);
    this.#unsynced = pending.toReversed();
  }

  /** Makes all names and all contents durable. */
  syncAll(): void {
    for (const steps of this.#unsynced) makeDurable(steps);
    this.#unsynced = [];
    for (const [, file] of this.files()) file.sync();
  }

  /** Keeps a random number of the first unsynced changes; then tears the content of each file. */
  cutPower(dice: Dice): void {
    for (const steps of this.#unsynced.slice(0, dice.below(this.#unsynced.length + 1))) {
      makeDurable(steps);
    }
    this.#unsynced = [];
    forgetUnsynced(this.#root);
    for (const [, file] of this.files()) file.cutPower(dice);
  }

  /** Yields all files with their paths. */
  *files(folder = this.#root, prefix = ""): Generator<[string, SimFile]> {
    for (const [name, node] of folder.seen) {
      if (node instanceof SimFile) yield [prefix + name, node];
      else yield* this.files(node, `${prefix}${name}/`);
    }
  }

  #place(path: string, names = namesOf(path)): Place {
    let folder = this.#root;
    for (const name of names.slice(0, -1)) {
      const node = folder.seen.get(name);
      if (node === undefined) throw systemError("ENOENT", `'${path}'`);
      if (node instanceof SimFile) throw systemError("ENOTDIR", `'${path}'`);
      folder = node;
    }
    const name = names.at(-1);
    if (name === undefined) throw systemError("EINVAL", `'${path}'`);
    return { folder, name, node: folder.seen.get(name) };
  }

  #change(steps: readonly Step[]): void {
    for (const { folder, name, node } of steps) put(folder.seen, name, node);
    this.#unsynced.push(steps);
  }
}

function makeDurable(steps: readonly Step[]): void {
  for (const { folder, name, node } of steps) put(folder.durable, name, node);
}

function put(names: Map<string, SimNode>, name: string, node: SimNode | undefined): void {
  if (node === undefined) names.delete(name);
  else names.set(name, node);
}

function forgetUnsynced(folder: SimFolder): void {
  folder.seen = new Map(folder.durable);
  for (const node of folder.seen.values()) if (node instanceof SimFolder) forgetUnsynced(node);
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}
