import type { Connection, Listener } from "../../lib/system.ts";
import type { Process } from "./process.ts";
import type { SimConnection } from "./sim_connection.ts";
import { closedError } from "./system_errors.ts";

interface Accept {
  readonly resolve: (connection: Connection) => void;
  readonly reject: (error: Error) => void;
}

/** A port on which a process listens, and the connections that are not yet accepted. */
export class SimListener implements Listener {
  readonly addr: Deno.NetAddr;
  readonly process: Process;
  readonly #onClosed: () => void;
  #backlog: SimConnection[] = [];
  #accepts: Accept[] = [];
  #closed = false;

  constructor(addr: Deno.NetAddr, process: Process, onClosed: () => void) {
    this.addr = addr;
    this.process = process;
    this.#onClosed = onClosed;
  }

  accept(): Promise<Connection> {
    if (this.process.ended) return new Promise(() => {});
    if (this.#closed) return Promise.reject(closedError("Listener has been closed"));
    return new Promise((resolve, reject) => {
      this.#accepts.push({ resolve, reject });
      this.#answer();
    });
  }

  close(): void {
    if (this.process.ended) return;
    if (this.#closed) throw closedError();
    this.abandon();
    for (const connection of this.#backlog.splice(0)) connection.refuse();
    for (const { reject } of this.#accepts.splice(0)) {
      reject(closedError("Listener has been closed"));
    }
  }

  /** Frees the port, after the process has ended. */
  abandon(): void {
    this.#closed = true;
    this.#onClosed();
  }

  /** Queues a connection that a peer has opened. */
  take(connection: SimConnection): void {
    this.#backlog.push(connection);
    this.process.settle(() => this.#answer());
  }

  #answer(): void {
    while (this.#accepts.length > 0 && this.#backlog.length > 0) {
      this.#accepts.shift()!.resolve(this.#backlog.shift()!);
    }
  }
}
