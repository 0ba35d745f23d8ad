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
 * The disk of one machine, in memory. A write goes to the page cache, which survives the process
 * but not a power cut. Syncing a file makes its content durable; syncing a folder makes the names
 * in it durable.
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

  /** The faults of the disk, whose chances a test may change. */
  get faults(): Faults<DiskFault> {
    return this.#hardware.faults;
  }

  /** The size that all files together may reach; unlimited by default. */
  set capacityBytes(bytes: number) {
    this.#hardware.capacityBytes = bytes;
  }

  /** A planted defect: a sync reports success at once and makes nothing durable. */
  set unfaithful(lies: boolean) {
    this.#hardware.lies = lies;
  }

  /** Returns the disk as a process uses it. */
  attach(process: Process): Disk {
    return new AttachedDisk(process, this.#tree, this.#hardware, this.#dice, this.#open);
  }

  /** Closes all files and releases their locks, after the process has ended. */
  kill(): void {
    for (const file of this.#open) file.release();
  }

  /** Like `kill`, and loses a random part of what is not synced. */
  cutPower(): void {
    this.kill();
    this.#tree.cutPower(this.#dice);
  }

  /** Writes a file at once and durably, and creates its parent folders. */
  put(path: string, content: string | Uint8Array): void {
    const parent = path.slice(0, path.lastIndexOf("/") + 1);
    this.#tree.makeFolder(parent);
    const found = this.#tree.find(path);
    const file = found instanceof SimFile ? found : this.#tree.create(path);
    file.truncate(0);
    file.write(0, typeof content === "string" ? new TextEncoder().encode(content) : content);
    this.#tree.syncAll();
  }

  /** Returns what a process would read; undefined if the file does not exist. */
  content(path: string): Uint8Array | undefined {
    return this.#file(path)?.view().slice();
  }

  /** Returns the content of a file that certainly survives a power cut; its name may not. */
  durableContent(path: string): Uint8Array | undefined {
    return this.#file(path)?.durableView().slice();
  }

  /** Returns the paths of all files, sorted. */
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
