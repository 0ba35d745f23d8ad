import type { Log } from "../log.ts";
import { backoffMs, sleep } from "../retry.ts";
import type { Connection, Listener, System } from "../system.ts";
import { ThrottledLog } from "../throttled_log.ts";

/**
 * accept() errors which mean that the peer hung up first. They must not trigger the backoff, or one
 * burst would stall everybody queued after it; shown by `tests/lib/server/acceptor_test.ts`.
 */
const HUNG_UP = [
  Deno.errors.NotConnected,
  Deno.errors.ConnectionAborted,
  Deno.errors.ConnectionReset,
];
/** After any other error, such as a lack of file descriptors, the loop goes on and does not spin. */
const BACKOFF = { baseMs: 20, maxMs: 1_000 };
/** After this many connections in a row the event loop gets a turn for everything else. */
const BATCH = 32;

/** What an acceptor takes. */
export interface AcceptorOptions {
  readonly listener: Listener;
  readonly onConnection: (connection: Connection) => void;
  readonly onError: (error: unknown) => void;
  readonly log: Log;
  readonly system: Pick<System, "clock" | "random">;
}

/**
 * Accepts connections until it is closed. Its loop is written by hand, since iterating over a listener
 * ends for good at the first error.
 */
export class Acceptor {
  readonly #options: AcceptorOptions;
  #closing = false;
  /** Resolves after `close()`, when no connection is on its way any more. */
  readonly ended: Promise<void>;

  constructor(options: AcceptorOptions) {
    this.#options = options;
    this.ended = this.#run();
  }

  /** Accepts nothing any more. */
  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#options.listener.close();
  }

  async #run(): Promise<void> {
    const { listener, onConnection, onError, log, system: { clock, random } } = this.#options;
    const failing = new ThrottledLog(log, "accept_failed", clock);
    let failures = 0, turns = 0;
    while (!this.#closing) {
      try {
        const connection = await listener.accept();
        if (this.#closing) return await connection.close();
        onConnection(connection);
        failures = 0;
      } catch (error) {
        if (this.#closing) return;
        if (!HUNG_UP.some((kind) => error instanceof kind)) {
          onError(error);
          failures++;
          failing.warn({ reason: String(error) });
          await sleep(BACKOFF.baseMs + backoffMs(failures, BACKOFF, random), undefined, clock);
          continue;
        }
      }
      if (++turns % BATCH === 0) await sleep(0, undefined, clock);
    }
  }
}
