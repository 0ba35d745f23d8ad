import { EXIT, ExitError } from "../../lib/exit.ts";
import { stdout } from "../../lib/process/program.ts";
import { SECRET_FILE } from "../../lib/process/secret.ts";
import { ignoreMissing } from "../../lib/system_errors.ts";
import { writeAll } from "../../lib/write_all.ts";

const SECRET_BYTES = 32;

/** The `secret` subcommand: writes a new secret to its file, unless there is one. */
export async function makeSecret(): Promise<number> {
  const secret = crypto.getRandomValues(new Uint8Array(SECRET_BYTES)).toHex();
  try {
    await Deno.mkdir(SECRET_FILE.slice(0, SECRET_FILE.lastIndexOf("/")), { recursive: true });
    await removeEmpty();
    using file = await Deno.open(SECRET_FILE, { write: true, createNew: true, mode: 0o400 });
    await writeAll(file, new TextEncoder().encode(secret + "\n"));
    await file.sync();
    stdout.write(`Made a new secret in ${SECRET_FILE}\n`);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) {
      const why = (error as Error).message;
      throw new ExitError("not_permitted", `Cannot make a secret in ${SECRET_FILE}: ${why}`);
    }
    stdout.write(`There is a secret in ${SECRET_FILE}\n`);
  }
  return EXIT.done;
}

/** One that was ended before it wrote its secret leaves a file that would be taken for one. */
async function removeEmpty(): Promise<void> {
  const found = await Deno.lstat(SECRET_FILE).catch(ignoreMissing);
  if (found?.isFile && found.size === 0) await Deno.remove(SECRET_FILE);
}
