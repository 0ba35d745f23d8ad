/**
 * A program that reads its secret. Prints a proof made with it, the number of secrets and the files
 * that it warned of, or why it has no secret.
 *
 * @module
 */
import { prove } from "../../../lib/wire/auth.ts";
import { readSecret } from "../../../lib/process/secret.ts";
import { ExitError } from "../../../lib/exit.ts";
import { stdout } from "../../../lib/process/program.ts";

try {
  const challenge = { role: "test", clientNonce: "a", serverNonce: "b" };
  const warned: unknown[] = [];
  const secret = await readSecret((_level, _event, fields) => warned.push(fields?.path));
  const proof = prove(secret, "client", challenge);
  stdout.write(JSON.stringify({ proof, accepted: secret.length, warned }));
} catch (error) {
  if (!(error instanceof ExitError)) throw error;
  stdout.write(JSON.stringify({ reason: error.reason, message: error.message }));
}
await stdout.flush(5_000);
