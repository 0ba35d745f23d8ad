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
  #client: Promise<Client> | undefined;
  /** Whether it was there before. */
  #reached = false;

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
    const client = await (this.#client ??= this.#connect());
    return await client.call(type, body, { timeoutMs: TIMEOUT_MS + waitMs });
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
        if (!this.#reached || !away || performance.now() - begun > AWAY_MS_MAX + waitMs) {
          throw error;
        }
        await sleep(backoffMs(attempt, RECONNECT));
      }
    }
  }

  async #connect(): Promise<Client> {
    const forget = (): void => void (this.#client = undefined);
    const options = { address: this.#address, secret: this.#secret, role: "orchestrator" };
    try {
      const client = await Client.connect(options);
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
