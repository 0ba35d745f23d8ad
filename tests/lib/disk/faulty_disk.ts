/** Something that is asked of the disk. */
export interface DiskCall {
  readonly op: "open" | "write" | "sync" | "truncate" | "rename" | "remove";
  readonly path: string;
  /** Which call of all this is, from 1. */
  readonly nth: number;
}

/**
 * Looks at a call before it is made: what it throws is what the call throws, and a number is how many
 * bytes a write takes, or for any other call that it is left out.
 */
export type Fault = (call: DiskCall) => void | number | Promise<void | number>;

/** An error as the system gives it. */
export function systemError(code: "ENOSPC" | "EIO"): Error {
  const text = code === "EIO"
    ? "Input/output error (os error 5)"
    : "No space left on device (os error 28)";
  return Object.assign(new Error(text), { code });
}

type Method = "write" | "sync" | "syncData" | "truncate";

/** The disk of this test's process; it fails when told. One at a time, and no other test beside it. */
export class FaultyDisk implements Disposable {
  fault: Fault = () => {};
  readonly calls: DiskCall[] = [];
  readonly #paths = new WeakMap<Deno.FsFile, string>();
  readonly #undo: (() => void)[] = [];
  #watchers: { op: DiskCall["op"]; seen: () => void }[] = [];

  constructor() {
    // deno-lint-ignore no-this-alias -- the functions below have a `this` of their own
    const disk = this;
    const { open, rename, remove } = Deno;
    this.#replace(Deno, "open", async (path: string | URL, options?: Deno.OpenOptions) => {
      await disk.#enter("open", String(path));
      const file = await open(path, options);
      disk.#paths.set(file, String(path));
      return file;
    });
    this.#replace(Deno, "rename", async (from: string | URL, to: string | URL) => {
      if (await disk.#enter("rename", String(to)) === undefined) await rename(from, to);
    });
    this.#replace(Deno, "remove", async (path: string | URL, options?: Deno.RemoveOptions) => {
      if (await disk.#enter("remove", String(path)) === undefined) await remove(path, options);
    });
    const file = Deno.FsFile.prototype;
    const { write, sync, syncData, truncate } = file;
    this.#replace(file, "write", async function (this: Deno.FsFile, bytes: Uint8Array) {
      const most = await disk.#enter("write", disk.#paths.get(this) ?? "");
      return await write.call(this, most === undefined ? bytes : bytes.subarray(0, most));
    });
    const others = { sync, syncData, truncate } as unknown as Record<
      Method,
      (length?: number) => Promise<void>
    >;
    for (const method of ["sync", "syncData", "truncate"] as const) {
      const op = method === "truncate" ? method : "sync";
      this.#replace(file, method, async function (this: Deno.FsFile, length?: number) {
        const left = await disk.#enter(op, disk.#paths.get(this) ?? "");
        if (left === undefined) await others[method].call(this, length);
      });
    }
  }

  count(op: DiskCall["op"], path = ""): number {
    return this.calls.filter((call) => call.op === op && call.path.includes(path)).length;
  }

  /** Resolves when such a call is asked for the next time. */
  next(op: DiskCall["op"]): Promise<void> {
    return new Promise((seen) => this.#watchers.push({ op, seen }));
  }

  /** Holds each such call back from now on; gives what lets them go. */
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
    for (const undo of this.#undo) undo();
  }

  async #enter(op: DiskCall["op"], path: string): Promise<number | undefined> {
    const call = { op, path, nth: this.calls.length + 1 };
    this.calls.push(call);
    for (const watcher of this.#watchers) if (watcher.op === op) watcher.seen();
    this.#watchers = this.#watchers.filter((watcher) => watcher.op !== op);
    return await this.fault(call) ?? undefined;
  }

  // deno-lint-ignore no-explicit-any -- any function of any object
  #replace(owner: any, name: string, by: (...args: any[]) => Promise<unknown>): void {
    const real = Object.getOwnPropertyDescriptor(owner, name)!;
    Object.defineProperty(owner, name, { ...real, value: by });
    this.#undo.push(() => Object.defineProperty(owner, name, real));
  }
}
