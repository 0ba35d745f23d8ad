import type { Secret } from "../../lib/wire/auth.ts";
import type { Address } from "../../lib/address.ts";
import { Client } from "../../lib/client/client.ts";
import { CodedError } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import { backoffMs, sleep } from "../../lib/retry.ts";
import { SYSTEM, type System } from "../../lib/system.ts";

const TIMEOUT_MS = 10_000;
const RECONNECT = { baseMs: 200, maxMs: 2_000 };
/** How long `askAgain` waits for an orchestrator that restarts. */
const AWAY_MS_MAX = 60_000;

/**
 * A running orchestrator, over a connection that is opened with the first request and again after it
 * was lost. Disposing it closes the connection.
 */
export class Remote implements Disposable {
  readonly #address: Address;
  readonly #secret: Secret;
  readonly #system: System;
  #client: Promise<Client> | undefined;
  /** Whether a connection has succeeded before. */
  #reached = false;

  constructor(address: Address, secret: Secret, system = SYSTEM) {
    this.#address = address;
    this.#secret = secret;
    this.#system = system;
  }

  /**
   * Sends a request once and returns the body of its reply.
   *
   * @param waitMs the request's own `wait_ms`, which is added to its timeout of 10 s
   * @throws {CodedError} the error of the reply, or what `Client.connect` and `Client.call` throw
   */
  async ask(type: string, body: JsonObject, waitMs = 0): Promise<JsonObject> {
    const client = await (this.#client ??= this.#connect());
    return await client.call(type, body, { timeoutMs: TIMEOUT_MS + waitMs });
  }

  /**
   * Sends a request that is safe to repeat. Repeats it for up to a minute while the orchestrator is
   * away, unless no connection has ever succeeded: then the address is probably wrong.
   *
   * @throws {CodedError} as `ask` does
   */
  async askAgain(type: string, body: JsonObject, waitMs = 0): Promise<JsonObject> {
    const { clock, random } = this.#system;
    const startedAt = clock.now();
    for (let attempt = 1;; attempt++) {
      try {
        return await this.ask(type, body, waitMs);
      } catch (error) {
        const isAway = error instanceof CodedError &&
          (error.code === "agent_unreachable" || error.code === "draining");
        const isLate = clock.now() - startedAt > AWAY_MS_MAX + waitMs;
        if (!this.#reached || !isAway || isLate) throw error;
        await sleep(backoffMs(attempt, RECONNECT, random), undefined, clock);
      }
    }
  }

  async #connect(): Promise<Client> {
    const forget = (): void => void (this.#client = undefined);
    const [address, secret, system] = [this.#address, this.#secret, this.#system];
    try {
      const client = await Client.connect({ address, secret, role: "orchestrator", system });
      this.#reached = true;
      client.closed.then(forget);
      return client;
    } catch (error) {
      forget();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#client?.then((client) => client.close(), () => {}); // `ask` has thrown the reason
  }
}
