import { EXIT, ExitError } from "../../lib/exit.ts";
import { stdout } from "../../lib/process/program.ts";
import { SECRET_FILE } from "../../lib/process/secret.ts";
import { ignoreMissing } from "../../lib/system_errors.ts";
import { writeAll } from "../../lib/write_all.ts";

const SECRET_BYTES = 32;

/**
 * The `secret` subcommand: writes a new secret to each file that has none. A role may write below
 * `secret` only.
 *
 * @param files the files' paths; by default `secret/token`
 * @throws {ExitError} `not_permitted` if a file cannot be written
 */
export async function makeSecrets(files: readonly string[]): Promise<number> {
  for (const file of files.length === 0 ? [SECRET_FILE] : files) await makeSecret(file);
  return EXIT.done;
}

async function makeSecret(path: string): Promise<void> {
  const secret = crypto.getRandomValues(new Uint8Array(SECRET_BYTES)).toHex();
  try {
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/") + 1) || ".", { recursive: true });
    await removeEmpty(path);
    using file = await Deno.open(path, { write: true, createNew: true, mode: 0o400 });
    await writeAll(file, new TextEncoder().encode(secret + "\n"));
    await file.sync();
    stdout.write(`Made a new secret in ${path}\n`);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) {
      const why = (error as Error).message;
      throw new ExitError("not_permitted", `Cannot make a secret in ${path}: ${why}`);
    }
    stdout.write(`There is a secret in ${path}\n`);
  }
}

/** Removes an empty file: a process that ended before it wrote the secret leaves one. */
async function removeEmpty(path: string): Promise<void> {
  const found = await Deno.lstat(path).catch(ignoreMissing);
  if (found?.isFile && found.size === 0) await Deno.remove(path);
}
