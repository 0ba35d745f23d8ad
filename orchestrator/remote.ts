import { type Address, Client } from "../lib/client.ts";
import { CodedError } from "../lib/errors.ts";
import type { JsonObject } from "../lib/protocol.ts";
import { backoffMs, sleep } from "../lib/retry.ts";

const TIMEOUT_MS = 10_000;
const RECONNECT = { baseMs: 200, maxMs: 2_000 };
/** How long an orchestrator may be away while a command waits for it. */
const AWAY_MS_MAX = 60_000;

/** An orchestrator somewhere else, connected to when it is asked. */
export class Remote implements Disposable {
  readonly #address: Address;
  readonly #secret: CryptoKey;
  #client: Client | undefined;

  constructor(address: Address, secret: CryptoKey) {
    this.#address = address;
    this.#secret = secret;
  }

  /**
   * Asks once.
   *
   * @param waitMs time that the request itself says to wait, on top of the usual
   * @throws {CodedError} what it answers, or what `Client.connect` and `Client.call` throw
   */
  async ask(type: string, body: JsonObject, waitMs = 0): Promise<JsonObject> {
    const options = { address: this.#address, secret: this.#secret, role: "orchestrator" };
    this.#client ??= await Client.connect(options);
    try {
      return await this.#client.call(type, body, { timeoutMs: TIMEOUT_MS + waitMs });
    } catch (error) {
      if (error instanceof CodedError && error.code === "agent_unreachable") {
        this.#client = undefined;
      }
      throw error;
    }
  }

  /** Asks what may be asked again, and does so while an orchestrator that was there is away. */
  async askAgain(type: string, body: JsonObject, waitMs = 0): Promise<JsonObject> {
    const begun = performance.now();
    for (let attempt = 1;; attempt++) {
      try {
        return await this.ask(type, body, waitMs);
      } catch (error) {
        const away = error instanceof CodedError &&
          (error.code === "agent_unreachable" || error.code === "draining");
        if (!away || performance.now() - begun > AWAY_MS_MAX + waitMs) throw error;
        await sleep(backoffMs(attempt, RECONNECT));
      }
    }
  }

  [Symbol.dispose](): void {
    this.#client?.close();
  }
}
