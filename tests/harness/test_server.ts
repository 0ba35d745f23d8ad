import { ExitError } from "../../lib/exit.ts";
import type { Log } from "../../lib/log.ts";
import { Server } from "../../lib/server/server.ts";
import type { Service } from "../../lib/server/session.ts";
import type { System } from "../../lib/system.ts";
import { importSecret } from "../../lib/wire/auth.ts";
import type { Limits } from "../../lib/wire/limits.ts";
import { quiet } from "./recorded_log.ts";
import { SECRET } from "./secrets.ts";
import { PATIENCE_MS } from "./waiting.ts";

export interface ServeOptions {
  readonly answer?: Service["answer"];
  readonly health?: Service["health"];
  readonly limits?: Partial<Limits>;
  readonly role?: string;
  readonly secret?: string;
  readonly port?: number;
  readonly log?: Log;
  readonly onInternal?: Service["onInternal"];
  readonly system?: System;
}

/** Starts the real server on a free port. By default it answers each request with its body. */
export async function serve(options: ServeOptions = {}): Promise<Server> {
  const { role = "echo", secret = SECRET, port = 0, limits, log = quiet, system } = options;
  return new Server({
    hostname: "127.0.0.1",
    port,
    limits,
    log,
    system,
    service: {
      role,
      name: `${role}-1`,
      version: "1.0.0",
      secret: await importSecret(secret),
      health: options.health ?? (() => ({ status: "ok", role })),
      answer: options.answer ?? (({ body = {} }) => Promise.resolve(body)),
      onInternal: options.onInternal ?? (() => {}),
    },
  });
}

/** Starts a server on the port of one that has ended. Retries, since the port is freed a little later. */
export async function serveAgain(options: ServeOptions & { port: number }): Promise<Server> {
  const begun = performance.now();
  while (true) {
    try {
      return await serve(options);
    } catch (error) {
      if (!(error instanceof ExitError) || performance.now() - begun > PATIENCE_MS) throw error;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}
