/**
 * Prints the secret that this process would use, or why it has none.
 *
 * @module
 */
import { readSecret } from "../../lib/config.ts";
import { ExitError } from "../../lib/exit.ts";
import { stdout } from "../../lib/program.ts";

try {
  stdout.write(JSON.stringify({ secret: await readSecret() }));
} catch (error) {
  if (!(error instanceof ExitError)) throw error;
  stdout.write(JSON.stringify({ reason: error.reason, message: error.message }));
}
await stdout.flush(5_000);
