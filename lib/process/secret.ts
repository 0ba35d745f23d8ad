/**
 * Where a process has its secret from.
 *
 * @module
 */
import { importSecret, type Secret } from "../wire/auth.ts";
import { variable } from "./settings.ts";
import { ExitError } from "../exit.ts";
import type { Log } from "../log.ts";
import { secretVariables } from "../roles.ts";
import { readSmallFile } from "./small_file.ts";

/** Where a secret lies when neither variable is set. */
export const SECRET_FILE = "secret/token";
/** Container engines mount secrets here, and let everyone in the container read them. */
const MOUNTED = "/run/secrets/";
const MODE_OF_OTHERS = 0o077;

/**
 * The secret: the content of the file that `AUTH_TOKEN_FILE` names, else `AUTH_TOKEN`, else the
 * content of `secret/token`. Two lines are two secrets, see `importSecret`.
 *
 * @param log is warned of a file that is exposed; by default nobody is
 * @throws {ExitError} `no_secret` where there is none or it is too short
 */
export async function readSecret(log?: Log): Promise<Secret> {
  return await secretFromEnv("AUTH_TOKEN_FILE", "AUTH_TOKEN", log) ??
    imported(`file "${SECRET_FILE}"`, await secretFrom(SECRET_FILE, false, log));
}

/**
 * The secret that one role alone shares with this process, from `AUTH_TOKEN_FILE_<ROLE>` or
 * `AUTH_TOKEN_<ROLE>`; `undefined` where neither is set.
 *
 * @param log is warned of a file that is exposed
 * @throws {ExitError} `no_secret` where the file can't be read or the secret is too short
 */
export async function readSecretForRole(role: string, log: Log): Promise<Secret | undefined> {
  return await secretFromEnv(...secretVariables(role), log);
}

/** Whether others of this machine may read a secret's file that has this mode. */
export function isExposed(file: string, mode: number | null): boolean {
  return mode !== null && (mode & MODE_OF_OTHERS) !== 0 && !file.startsWith(MOUNTED);
}

/** From the file that one variable names, else from another variable itself. */
async function secretFromEnv(
  fileVariable: string,
  textVariable: string,
  log: Log | undefined,
): Promise<Secret | undefined> {
  const file = variable(fileVariable);
  if (file !== undefined) return imported(`file "${file}"`, await secretFrom(file, true, log));
  const given = variable(textVariable);
  return given === undefined ? undefined : imported(textVariable, given);
}

function imported(place: string, text: string): Secret {
  try {
    return importSecret(text);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw noSecret(`the secret in ${place} ${cause.message}`);
  }
}

async function secretFrom(file: string, named: boolean, log: Log | undefined): Promise<string> {
  try {
    const { text, mode } = await readSmallFile(file);
    if (isExposed(file, mode)) {
      log?.("warn", "secret_readable", { path: file, remedy: `chmod 600 ${file}` });
    }
    return text;
  } catch (error) {
    if (!named && error instanceof Deno.errors.NotFound) {
      throw noSecret(`AUTH_TOKEN_FILE and AUTH_TOKEN are not set and there is no "${file}"`);
    }
    throw noSecret(`file "${file}" cannot be read: ${(error as Error).message}`);
  }
}

function noSecret(why: string): ExitError {
  return new ExitError(
    "no_secret",
    `Cannot start without a secret: ${why}; make one with "openssl rand -hex 32"`,
  );
}
