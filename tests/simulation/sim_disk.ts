import type { Disk, DiskFile } from "../../lib/system.ts";
import type { Dice } from "../harness/dice.ts";
import { type DiskFault, DiskHardware } from "./disk_hardware.ts";
import type { Faults } from "./faults.ts";
import { OpenFile } from "./open_file.ts";
import type { Process } from "./process.ts";
import { SimFile } from "./sim_file.ts";
import { SimFolder, SimTree } from "./sim_tree.ts";
import { systemError } from "./system_errors.ts";

/**
 * The disk of one machine, in memory. What is written lies in the page cache, which outlives the
 * process but not the power; a sync of a file makes its content durable, and a sync of a folder the
 * names in it.
 */
export class SimDisk {
  readonly #dice: Dice;
  readonly #tree = new SimTree();
  readonly #hardware: DiskHardware;
  readonly #open = new Set<OpenFile>();

  constructor(dice: Dice) {
    this.#dice = dice;
    this.#hardware = new DiskHardware(dice, this.#tree);
  }

  get faults(): Faults<DiskFault> {
    return this.#hardware.faults;
  }

  /** Room for the content of all files; by default without end. */
  set capacityBytes(bytes: number) {
    this.#hardware.capacityBytes = bytes;
  }

  /** A planted bug: a sync says at once that it is done, and makes nothing durable. */
  set unfaithful(lies: boolean) {
    this.#hardware.lies = lies;
  }

  /** The disk as a process uses it. */
  attach(process: Process): Disk {
    return new AttachedDisk(process, this.#tree, this.#hardware, this.#dice, this.#open);
  }

  /** The processes that use it have ended: their locks are free. */
  kill(): void {
    for (const file of this.#open) file.release();
  }

  /** As `kill`, and of what is not synced a random part is lost. */
  cutPower(): void {
    this.kill();
    this.#tree.cutPower(this.#dice);
  }

  /** Puts a file there, durably and at once, with the folders above it. */
  put(path: string, content: string | Uint8Array): void {
    const above = path.slice(0, path.lastIndexOf("/") + 1);
    this.#tree.makeFolder(above);
    const found = this.#tree.find(path);
    const file = found instanceof SimFile ? found : this.#tree.create(path);
    file.truncate(0);
    file.write(0, typeof content === "string" ? new TextEncoder().encode(content) : content);
    this.#tree.syncAll();
  }

  /** What a process would read, if there is such a file. */
  content(path: string): Uint8Array | undefined {
    return this.#file(path)?.view().slice();
  }

  /** What is certain to be left of a file after a power cut, wherever its name is then. */
  durableContent(path: string): Uint8Array | undefined {
    return this.#file(path)?.durableView().slice();
  }

  /** The paths of all files. */
  paths(): string[] {
    return [...this.#tree.files()].map(([path]) => path).sort();
  }

  #file(path: string): SimFile | undefined {
    return new Map(this.#tree.files()).get(path);
  }
}

class AttachedDisk implements Disk {
  readonly #process: Process;
  readonly #tree: SimTree;
  readonly #hardware: DiskHardware;
  readonly #dice: Dice;
  readonly #opened: Set<OpenFile>;

  constructor(
    process: Process,
    tree: SimTree,
    hardware: DiskHardware,
    dice: Dice,
    opened: Set<OpenFile>,
  ) {
    this.#process = process;
    this.#tree = tree;
    this.#hardware = hardware;
    this.#dice = dice;
    this.#opened = opened;
  }

  open(path: string, options: Deno.OpenOptions = { read: true }): Promise<DiskFile> {
    const { write, append, create, createNew, truncate } = options;
    if ((create || createNew) && !write && !append) {
      const rule = "'create' or 'createNew' options require 'write' or 'append' to be true";
      return Promise.reject(new Error(rule));
    }
    return this.#call(() => {
      const about = `open '${path}'`;
      let node = this.#tree.find(path);
      if (node !== undefined && createNew) throw systemError("EEXIST", about);
      if (node === undefined) {
        if (!create && !createNew) throw systemError("ENOENT", about);
        node = this.#hardware.create(path);
      } else if (node instanceof SimFolder && (write || append)) {
        throw systemError("EISDIR", about);
      } else if (node instanceof SimFile && truncate) {
        node.truncate(0);
      }
      const file = new OpenFile({
        node,
        access: options,
        process: this.#process,
        hardware: this.#hardware,
        onClosed: (file) => this.#opened.delete(file),
      });
      this.#opened.add(file);
      return file;
    });
  }

  lstat(path: string): Promise<{ isFile: boolean; size: number }> {
    return this.#call(() => {
      const node = this.#tree.get(path, `lstat '${path}'`);
      const isFile = node instanceof SimFile;
      return { isFile, size: isFile ? node.size : 0 };
    });
  }

  async *readDir(path: string): AsyncGenerator<{ name: string }> {
    yield* await this.#call(() => {
      const node = this.#tree.get(path, `readdir '${path}'`);
      if (node instanceof SimFile) throw systemError("ENOTDIR", `readdir '${path}'`);
      const found = Array.from(node.seen.keys(), (name) => ({ name }));
      return this.#dice.shuffled(found); // no file system promises an order
    });
  }

  mkdir(path: string, _options: { recursive: true }): Promise<void> {
    return this.#call(() => this.#tree.makeFolder(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#call(() => this.#tree.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return this.#call(() => this.#tree.remove(path));
  }

  #call<T>(effect: () => T): Promise<T> {
    return this.#hardware.call(this.#process, effect);
  }
}
