import { CodedError } from "../../lib/errors.ts";
import { type EXIT, ExitError } from "../../lib/exit.ts";
import { stdout } from "../../lib/process/program.ts";
import { readSecret } from "../../lib/process/secret.ts";
import { withTls } from "../../lib/process/tls_settings.ts";
import type { Values } from "../../lib/process/settings.ts";
import type { CLIENT } from "./flags.ts";
import { Remote } from "./remote.ts";

/**
 * Runs a subcommand with a connection to the orchestrator that the flags name.
 *
 * @throws {ExitError} `unreachable`, `timed_out` or `refused` for a `CodedError` of the subcommand
 */
export async function withRemote(
  { host, port, "tls-ca": ca }: Values<typeof CLIENT>,
  run: (remote: Remote) => Promise<number>,
): Promise<number> {
  const hostname = host === "0.0.0.0" ? "127.0.0.1" : host;
  const system = await withTls({ "tls-ca": ca });
  using remote = new Remote({ hostname, port }, await readSecret(), system);
  try {
    const code = await run(remote);
    await stdout.flush(); // without a time limit: a slow reader gets all of what it asked for
    return code;
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    const details = (error.details ?? []).slice(1).map((detail) => `; ${detail}`).join("");
    throw new ExitError(exitReason(error), `${error.code}: ${error.message}${details}`);
  }
}

function exitReason({ code }: CodedError): keyof typeof EXIT {
  if (code === "agent_unreachable") return "unreachable";
  return code === "deadline_exceeded" ? "timed_out" : "refused";
}
