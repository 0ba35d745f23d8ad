import { type Disk, type DiskFile } from "../../lib/system.ts";

type Operation = "open" | "write" | "truncate" | "sync" | "syncData" | "rename" | "remove";

/**
 * The disk of one process that may die. It makes each call that may fail in the main thread, where
 * strace can count them all.
 *
 * After `end()`, or after a call that fails with the deadly error, its files are closed and it never
 * answers again. That is what SIGKILL leaves, so one program can die many times.
 */
export class SingleThreadDisk implements Disk {
  readonly #report: (line: string) => void;
  readonly #deadly: number | undefined;
  readonly #files = new Set<Deno.FsFile>();
  readonly #death = Promise.withResolvers<void>();
  #ended = false;

  /**
   * @param report receives each call: `sync /path`, or `failed sync /path: Error: …`
   * @param deadly the system's number of the error at which the process dies; by default none
   */
  constructor(report: (line: string) => void = () => {}, deadly?: number) {
    this.#report = report;
    this.#deadly = deadly;
  }

  /** Resolves when a call fails with the deadly error. */
  get death(): Promise<void> {
    return this.#death.promise;
  }

  get ended(): boolean {
    return this.#ended;
  }

  async open(path: string, options?: Deno.OpenOptions): Promise<DiskFile> {
    const file = await this.#call("open", path, () => Deno.openSync(path, options));
    this.#files.add(file);
    const close = (): void => {
      if (this.#files.delete(file)) file.close();
    };
    return {
      read: (into) => this.#unlessEnded(() => file.readSync(into)),
      seek: (offset, whence) => this.#unlessEnded(() => file.seekSync(offset, whence)),
      stat: () => this.#unlessEnded(() => file.statSync()),
      tryLock: (exclusive) => this.#unlessEnded(() => file.tryLockSync(exclusive)),
      write: (bytes) => this.#call("write", path, () => file.writeSync(bytes)),
      truncate: (length) => this.#call("truncate", path, () => file.truncateSync(length)),
      sync: () => this.#call("sync", path, () => file.syncSync()),
      syncData: () => this.#call("syncData", path, () => file.syncDataSync()),
      close,
      [Symbol.dispose]: close,
    };
  }

  lstat(path: string): ReturnType<Disk["lstat"]> {
    return this.#unlessEnded(() => Deno.lstatSync(path));
  }

  async *readDir(path: string): AsyncGenerator<Deno.DirEntry> {
    yield* await this.#call("open", path, () => [...Deno.readDirSync(path)]);
  }

  mkdir(path: string, options: { recursive: true }): Promise<void> {
    return this.#unlessEnded(() => Deno.mkdirSync(path, options));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#call("rename", to, () => Deno.renameSync(from, to));
  }

  remove(path: string): Promise<void> {
    return this.#call("remove", path, () => Deno.removeSync(path));
  }

  /** Closes all files, as the kernel does for a process that ends, and never answers again. */
  end(): void {
    this.#ended = true;
    for (const file of this.#files) file.close();
    this.#files.clear();
  }

  async #call<T>(operation: Operation, path: string, work: () => T): Promise<T> {
    return await this.#unlessEnded(() => {
      try {
        const result = work();
        this.#report(`${operation} ${path}`);
        return result;
      } catch (error) {
        this.#report(`failed ${operation} ${path}: ${error}`);
        if (!String(error).includes(`(os error ${this.#deadly})`)) throw error;
        this.end();
        this.#death.resolve();
        return NEVER;
      }
    });
  }

  async #unlessEnded<T>(work: () => T | Promise<T>): Promise<T> {
    // As from a pool of threads, the answer comes in a later turn: what is asked meanwhile waits.
    await new Promise((resolve) => setImmediate(resolve));
    return await (this.#ended ? NEVER : work());
  }
}

const NEVER = new Promise<never>(() => {});
