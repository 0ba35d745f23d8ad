/**
 * The machine under a process: its clock, its dice, its disk and its network. Whoever needs one of
 * them is given it, so that a test can pass in one that stands still, fails or forgets.
 *
 * @module
 */

export interface Clock {
  /** Milliseconds on a clock that never jumps. */
  now(): number;
  /** The time of day: for people, and for what is kept for days. */
  date(): Date;
  /** Calls once, `ms` from now; what it gives prevents that. */
  after(ms: number, callback: () => void): () => void;
  /** Calls each `ms`; what it gives ends that. */
  every(ms: number, callback: () => void): () => void;
}

/** What is used of a `Deno.FsFile`. */
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

/** What is used of `Deno` for files; errors are those of the system. */
export interface Disk {
  open(path: string, options?: Deno.OpenOptions): Promise<DiskFile>;
  lstat(path: string): Promise<{ readonly isFile: boolean; readonly size: number }>;
  readDir(path: string): AsyncIterable<{ readonly name: string }>;
  mkdir(path: string, options: { recursive: true }): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

/** Bytes that come and go. */
export interface Duplex {
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  /** Resolves when its descriptors are free, where that is not at once. */
  close(): void | Promise<void>;
}

/** What is used of a `Deno.TcpConn`. */
export interface Connection extends Duplex {
  /** Where the peer is. */
  readonly remoteAddr?: { readonly hostname: string };
  setNoDelay(): void;
}

/** What is used of a `Deno.TcpListener`. */
export interface Listener {
  readonly addr: Deno.NetAddr;
  accept(): Promise<Connection>;
  close(): void;
}

/** What is used of `Deno` for TCP; errors are those of the system. */
export interface Net {
  connect(options: Deno.ConnectOptions): Promise<Connection>;
  listen(options: Deno.ListenOptions & { port: number }): Listener;
}

export interface System {
  readonly clock: Clock;
  /** Gives a number in [0, 1). */
  readonly random: () => number;
  readonly disk: Disk;
  readonly net: Net;
}

/** The machine itself. */
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
