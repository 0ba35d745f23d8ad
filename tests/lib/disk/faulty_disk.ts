/** A call of the disk. */
export interface DiskCall {
  readonly op: "open" | "write" | "sync" | "truncate" | "rename" | "remove";
  readonly path: string;
  /** The number of the call, from 1. */
  readonly nth: number;
}

/**
 * Decides what happens to a call, before it is made. The call throws what this throws. A number is how
 * many bytes a write takes; any other call is left out if this returns a number.
 */
export type Fault = (call: DiskCall) => void | number | Promise<void | number>;

/** Leaves all syncs out, for tests that stop no machine and open thousands of journals. */
export const skipSyncs: Fault = ({ op }) => op === "sync" ? 0 : undefined;

/** Returns a disk that leaves all syncs out. */
export function unsyncedDisk(): FaultyDisk {
  const disk = new FaultyDisk();
  disk.fault = skipSyncs;
  return disk;
}

/** Returns an error as Deno makes it from an answer of the operating system. */
export function systemError(code: "ENOSPC" | "EIO"): Error {
  const text = code === "EIO"
    ? "Input/output error (os error 5)"
    : "No space left on device (os error 28)";
  return Object.assign(new Error(text), { code });
}

// deno-lint-ignore no-explicit-any -- functions of any arguments
const BLOCKING_CALLS: Record<string, (...args: any[]) => unknown> = {
  lstat: Deno.lstatSync,
  mkdir: Deno.mkdirSync,
  readFile: Deno.readFileSync,
  utime: Deno.utimeSync,
  writeFile: Deno.writeFileSync,
};

/**
 * The real disk, as this process uses it through `Deno`, whose calls fail as `fault` decides. There may
 * be one at a time, and no other test may run beside it.
 *
 * All calls but syncs block: the threads on which Deno makes the others cost a test of thousands of
 * openings ten times the processor time.
 */
export class FaultyDisk implements Disposable {
  fault: Fault = () => {};
  /** All calls so far. */
  readonly calls: DiskCall[] = [];
  readonly #paths = new WeakMap<Deno.FsFile, string>();
  readonly #restore: (() => void)[] = [];
  #watchers: { op: DiskCall["op"]; onCall: () => void }[] = [];

  constructor() {
    // deno-lint-ignore no-this-alias -- the functions below have a `this` of their own
    const disk = this;
    this.#replace(
      Deno,
      "open",
      (path: string | URL, options?: Deno.OpenOptions) =>
        disk.#enter("open", String(path)).then(() => {
          const file = Deno.openSync(path, options);
          disk.#paths.set(file, String(path));
          return file;
        }),
    );
    this.#replace(
      Deno,
      "rename",
      (from: string | URL, to: string | URL) =>
        disk.#enter("rename", String(to)).then((leftOut) => {
          if (leftOut === undefined) Deno.renameSync(from, to);
        }),
    );
    this.#replace(
      Deno,
      "remove",
      (path: string | URL, options?: Deno.RemoveOptions) =>
        disk.#enter("remove", String(path)).then((leftOut) => {
          if (leftOut === undefined) Deno.removeSync(path, options);
        }),
    );
    for (const [name, block] of Object.entries(BLOCKING_CALLS)) {
      this.#replace(Deno, name, (...args) => Promise.try(block, ...args));
    }
    this.#replace(Deno, "readDir", Deno.readDirSync); // which `for await` takes as well
    const file = Deno.FsFile.prototype;
    this.#replace(file, "write", function (this: Deno.FsFile, bytes: Uint8Array) {
      return disk.#enter("write", disk.#paths.get(this) ?? "").then((bytesMax) =>
        this.writeSync(bytesMax === undefined ? bytes : bytes.subarray(0, bytesMax))
      );
    });
    this.#replace(file, "truncate", function (this: Deno.FsFile, length?: number) {
      return disk.#enter("truncate", disk.#paths.get(this) ?? "").then((leftOut) => {
        if (leftOut === undefined) this.truncateSync(length);
      });
    });
    for (const name of ["read", "seek", "stat"] as const) {
      const block = file[`${name}Sync`] as (...args: unknown[]) => unknown;
      this.#replace(file, name, function (this: Deno.FsFile, ...args) {
        return Promise.try(() => block.apply(this, args));
      });
    }
    for (const name of ["sync", "syncData"] as const) {
      const sync = file[name];
      this.#replace(file, name, async function (this: Deno.FsFile) {
        const leftOut = await disk.#enter("sync", disk.#paths.get(this) ?? "");
        if (leftOut === undefined) await sync.call(this);
      });
    }
  }

  /** Returns how many calls there were, whose path contains `path`. */
  count(op: DiskCall["op"], path = ""): number {
    return this.calls.filter((call) => call.op === op && call.path.includes(path)).length;
  }

  /** Resolves at the next such call. */
  next(op: DiskCall["op"]): Promise<void> {
    return new Promise((onCall) => this.#watchers.push({ op, onCall }));
  }

  /** Makes every such call wait from now on. Returns a function that lets them all continue. */
  hold(op: DiskCall["op"]): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.fault;
    this.fault = (call) => call.op === op ? promise : before(call);
    return () => {
      this.fault = before;
      resolve();
    };
  }

  [Symbol.dispose](): void {
    for (const restore of this.#restore) restore();
  }

  async #enter(op: DiskCall["op"], path: string): Promise<number | undefined> {
    const call = { op, path, nth: this.calls.length + 1 };
    this.calls.push(call);
    for (const watcher of this.#watchers) if (watcher.op === op) watcher.onCall();
    this.#watchers = this.#watchers.filter((watcher) => watcher.op !== op);
    return await this.fault(call) ?? undefined;
  }

  // deno-lint-ignore no-explicit-any -- any function of any object
  #replace(owner: any, name: string, by: (...args: any[]) => unknown): void {
    const real = Object.getOwnPropertyDescriptor(owner, name)!;
    Object.defineProperty(owner, name, { ...real, value: by });
    this.#restore.push(() => Object.defineProperty(owner, name, real));
  }
}
