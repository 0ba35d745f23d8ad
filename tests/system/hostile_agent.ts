import type { JsonObject } from "../../lib/json.ts";
import type { Role } from "../../lib/roles.ts";
import { Server } from "../../lib/server/server.ts";
import { importSecret } from "../../lib/wire/auth.ts";
import { NASTY } from "./nasty_text.ts";

/** An agent, or an orchestrator, that holds the secret and puts the nasty text wherever it can. */
export class HostileAgent implements AsyncDisposable {
  readonly #server: Server;

  /**
   * @param answer returns the reply to a request, or throws it
   * @param name the role that it claims to have; by default its own
   */
  constructor(
    role: Role,
    port: number,
    secret: string,
    answer: (type: string) => JsonObject,
    name: string = role,
  ) {
    this.#server = new Server({
      hostname: "127.0.0.1",
      port,
      log: () => {},
      service: {
        role: name,
        name: NASTY,
        version: NASTY,
        secret: importSecret(secret),
        health: () => ({ status: NASTY, [NASTY]: NASTY }),
        // deno-lint-ignore require-await -- what it throws is its answer
        answer: async ({ type }) => answer(type),
        onInternal: () => {},
      },
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server[Symbol.asyncDispose]();
  }
}
