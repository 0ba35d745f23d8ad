import type { Secret } from "../../lib/wire/auth.ts";
import type { Address } from "../../lib/address.ts";
import { Client } from "../../lib/client/client.ts";
import { CodedError } from "../../lib/errors.ts";
import type { JsonObject } from "../../lib/json.ts";
import { backoffMs, sleep } from "../../lib/retry.ts";
import { SYSTEM, type System } from "../../lib/system.ts";

const TIMEOUT_MS = 10_000;
const RECONNECT = { baseMs: 200, maxMs: 2_000 };
/** How long an orchestrator may be away while a command waits for it. */
const AWAY_MS_MAX = 60_000;

/** An orchestrator somewhere else, connected to when it is asked. */
export class Remote implements Disposable {
  readonly #address: Address;
  readonly #secret: Secret;
  readonly #system: System;
  #client: Promise<Client> | undefined;
  /** Whether it was there before. */
  #reached = false;

  constructor(address: Address, secret: Secret, system = SYSTEM) {
    this.#address = address;
    this.#secret = secret;
    this.#system = system;
  }

  /**
   * Asks once.
   *
   * @param waitMs time that the request itself says to wait, on top of the usual
   * @throws {CodedError} what it answers, or what `Client.connect` and `Client.call` throw
   */
  async ask(type: string, body: JsonObject, waitMs = 0): Promise<JsonObject> {
    const client = await (this.#client ??= this.#connect());
    return await client.call(type, body, { timeoutMs: TIMEOUT_MS + waitMs });
  }

  /** Asks what may be asked again, and does so while an orchestrator that was there is away. */
  async askAgain(type: string, body: JsonObject, waitMs = 0): Promise<JsonObject> {
    const { clock, random } = this.#system;
    const begun = clock.now();
    for (let attempt = 1;; attempt++) {
      try {
        return await this.ask(type, body, waitMs);
      } catch (error) {
        const away = error instanceof CodedError &&
          (error.code === "agent_unreachable" || error.code === "draining");
        if (!this.#reached || !away || clock.now() - begun > AWAY_MS_MAX + waitMs) {
          throw error;
        }
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
    this.#client?.then((client) => client.close(), () => {}); // who asked was told
  }
}
