import type { DiskFile } from "../../lib/system.ts";
import type { DiskHardware } from "./disk_hardware.ts";
import type { Process } from "./process.ts";
import { SimFile } from "./sim_file.ts";
import type { SimNode } from "./sim_tree.ts";
import { closedError, systemError } from "./system_errors.ts";

/** What an open file needs: its node, its access mode and the process that opened it. */
export interface OpenFileOptions {
  readonly node: SimNode;
  readonly access: Pick<Deno.OpenOptions, "read" | "write" | "append">;
  readonly process: Process;
  readonly hardware: DiskHardware;
  readonly onClosed: (file: OpenFile) => void;
}

/** A file descriptor. Its calls run one after another, in the order in which they were made. */
export class OpenFile implements DiskFile {
  readonly #options: OpenFileOptions;
  #position = 0;
  #closed = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: OpenFileOptions) {
    this.#options = options;
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.#call(() => {
      const file = this.#file();
      if (!this.#options.access.read) throw systemError("EBADF");
      const bytes = file.view().subarray(this.#position, this.#position + into.length);
      if (bytes.length === 0 && into.length > 0) return null;
      into.set(bytes);
      this.#position += bytes.length;
      return bytes.length;
    });
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#call(() => {
      const file = this.#writable("EBADF");
      if (this.#options.access.append) this.#position = file.size;
      const written = this.#options.hardware.write(file, this.#position, bytes);
      this.#position += written;
      return written;
    });
  }

  seek(offset: number, whence: Deno.SeekMode): Promise<number> {
    return this.#call(() => {
      const from = {
        [Deno.SeekMode.Start]: 0,
        [Deno.SeekMode.Current]: this.#position,
        [Deno.SeekMode.End]: this.#size,
      };
      if (from[whence] + offset < 0) throw systemError("EINVAL");
      return this.#position = from[whence] + offset;
    });
  }

  stat(): Promise<{ readonly size: number }> {
    return this.#call(() => ({ size: this.#size }));
  }

  truncate(length: number): Promise<void> {
    return this.#call(() => this.#writable("EINVAL").truncate(length));
  }

  sync(): Promise<void> {
    const { hardware, process, node } = this.#options;
    return this.#inTurn(() => hardware.sync(process, node));
  }

  syncData(): Promise<void> {
    return this.sync();
  }

  tryLock(exclusive: boolean): Promise<boolean> {
    return this.#call(() => {
      const { locks } = this.#file();
      locks.delete(this); // flock drops the old lock even if it cannot take the new kind
      const others = [...locks.values()];
      if (exclusive ? others.length > 0 : others.some(({ exclusive }) => exclusive)) return false;
      locks.set(this, { exclusive });
      return true;
    });
  }

  close(): void {
    if (this.#options.process.ended) return;
    if (this.#closed) throw closedError();
    this.release();
  }

  /** Closes the file as the system does when the process ends. */
  release(): void {
    const { node, onClosed } = this.#options;
    this.#closed = true;
    if (node instanceof SimFile) node.locks.delete(this);
    onClosed(this);
  }

  [Symbol.dispose](): void {
    if (!this.#closed) this.close();
  }

  get #size(): number {
    const { node } = this.#options;
    return node instanceof SimFile ? node.size : 0;
  }

  #file(): SimFile {
    const { node } = this.#options;
    if (node instanceof SimFile) return node;
    throw systemError("EISDIR");
  }

  #writable(code: "EBADF" | "EINVAL"): SimFile {
    const { write, append } = this.#options.access;
    if (!write && !append) throw systemError(code);
    return this.#file();
  }

  #call<T>(effect: () => T): Promise<T> {
    const { hardware, process } = this.#options;
    return this.#inTurn(() => hardware.call(process, effect));
  }

  #inTurn<T>(call: () => Promise<T>): Promise<T> {
    if (this.#options.process.ended) return new Promise(() => {});
    if (this.#closed) return Promise.reject(closedError());
    const result = this.#last.then(call);
    this.#last = result.catch(() => {}); // the caller receives the error
    return result;
  }
}
