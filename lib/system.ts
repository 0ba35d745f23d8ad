/**
 * The machine under a process: its clock, random numbers, disk and network. Code that needs one gets it
 * as an argument. So a test can pass a clock that stands still, or a disk that fails or forgets.
 *
 * @module
 */

/** Time and timers. */
export interface Clock {
  /** Returns milliseconds since some fixed moment, on a clock that never jumps. */
  now(): number;
  /** Returns the time of day: for people, and for what is kept for days. */
  date(): Date;
  /** Calls `callback` once, after `ms`. Returns a function that cancels the call. */
  after(ms: number, callback: () => void): () => void;
  /** Calls `callback` every `ms`. Returns a function that ends that. */
  every(ms: number, callback: () => void): () => void;
}

/** The used part of `Deno.FsFile`. */
export interface DiskFile extends Disposable {
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  seek(offset: number, whence: Deno.SeekMode): Promise<number>;
  stat(): Promise<{ readonly size: number }>;
  truncate(length: number): Promise<void>;
  sync(): Promise<void>;
  syncData(): Promise<void>;
  tryLock(exclusive: boolean): Promise<boolean>;
  close(): void;
}

/** The used part of `Deno` for files. Errors are those of the operating system. */
export interface Disk {
  open(path: string, options?: Deno.OpenOptions): Promise<DiskFile>;
  lstat(path: string): Promise<{ readonly isFile: boolean; readonly size: number }>;
  readDir(path: string): AsyncIterable<{ readonly name: string }>;
  mkdir(path: string, options: { recursive: true }): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

/** A stream of bytes in both directions. */
export interface Duplex {
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  /** Closes it. If that takes time, resolves when its file descriptors are free. */
  close(): void | Promise<void>;
}

/** The used part of `Deno.TcpConn`. */
export interface Connection extends Duplex {
  /** The address of the peer. */
  readonly remoteAddr?: { readonly hostname: string };
  setNoDelay(): void;
}

/** The used part of `Deno.TcpListener`. */
export interface Listener {
  readonly addr: Deno.NetAddr;
  accept(): Promise<Connection>;
  close(): void;
}

/** The used part of `Deno` for TCP. Errors are those of the operating system. */
export interface Net {
  connect(options: Deno.ConnectOptions): Promise<Connection>;
  listen(options: Deno.ListenOptions & { port: number }): Listener;
}

/** The parts of a machine. */
export interface System {
  readonly clock: Clock;
  /** Returns a number in [0, 1). */
  readonly random: () => number;
  readonly disk: Disk;
  readonly net: Net;
}

/** The real machine. */
export const SYSTEM: System = {
  clock: {
    now: () => performance.now(),
    date: () => new Date(),
    after: (ms, callback) => {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
    every: (ms, callback) => {
      const timer = setInterval(callback, ms);
      return () => clearInterval(timer);
    },
  },
  random: Math.random,
  disk: Deno,
  net: Deno,
};
