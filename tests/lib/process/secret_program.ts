/**
 * A program that reads its secret in several folders, one after the other, each with variables of its
 * own. Prints for each a proof made with the secret, the number of secrets and the files that it warned
 * of, or why it has no secret.
 *
 * @module
 */
import { prove } from "../../../lib/wire/auth.ts";
import { readSecret } from "../../../lib/process/secret.ts";
import { ExitError } from "../../../lib/exit.ts";
import { stdout } from "../../../lib/process/program.ts";

interface Case {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

async function outcome(): Promise<unknown> {
  try {
    const challenge = { role: "test", clientNonce: "a", serverNonce: "b" };
    const warned: unknown[] = [];
    const secret = await readSecret((_level, _event, fields) => warned.push(fields?.path));
    return { proof: prove(secret, "client", challenge), accepted: secret.length, warned };
  } catch (error) {
    if (!(error instanceof ExitError)) throw error;
    return { reason: error.reason, message: error.message };
  }
}

const outcomes: unknown[] = [];
for (const { folder, env } of JSON.parse(Deno.args[0]) as Case[]) {
  Deno.chdir(folder);
  for (const [name, value] of Object.entries(env)) Deno.env.set(name, value);
  outcomes.push(await outcome());
  for (const name of Object.keys(env)) Deno.env.set(name, "");
}
stdout.write(JSON.stringify(outcomes));
await stdout.flush(5_000);
