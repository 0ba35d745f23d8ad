/**
 * Reads the shared secret of a process, from a file or a variable.
 *
 * @module
 */
import { importSecret, type Secret } from "../wire/auth.ts";
import { variable } from "./settings.ts";
import { ExitError } from "../exit.ts";
import type { Log } from "../log.ts";
import { secretVariables } from "../roles.ts";
import { readSmallFile } from "./small_file.ts";

/** The file of the secret if neither variable is set. */
export const SECRET_FILE = "secret/token";
/** Container engines mount secrets here, readable for every user of the container. */
const MOUNTED_SECRETS = "/run/secrets/";
/** The permission bits of the group and of all other users. */
const OTHERS_MODE = 0o077;

/**
 * Reads the secret: from the file that `AUTH_TOKEN_FILE` names, else from `AUTH_TOKEN`, else from
 * `secret/token`. Two lines are two secrets, see `importSecret`.
 *
 * @param log gets a warning if other users can read the file; without it there is no warning
 * @throws {ExitError} `no_secret` if there is none or it is too short
 */
export async function readSecret(log?: Log): Promise<Secret> {
  return await secretFromEnv("AUTH_TOKEN_FILE", "AUTH_TOKEN", log) ??
    parse(`file "${SECRET_FILE}"`, await readFile(SECRET_FILE, false, log));
}

/**
 * Reads the secret that only `role` shares with this process, from `AUTH_TOKEN_FILE_<ROLE>` or
 * `AUTH_TOKEN_<ROLE>`. Returns `undefined` if neither is set.
 *
 * @param log gets a warning if other users can read the file
 * @throws {ExitError} `no_secret` if the file can't be read or the secret is too short
 */
export async function readSecretForRole(role: string, log: Log): Promise<Secret | undefined> {
  return await secretFromEnv(...secretVariables(role), log);
}

/** Whether other users of this machine can read a secret's file, given its mode. */
export function isExposed(file: string, mode: number | null): boolean {
  return mode !== null && (mode & OTHERS_MODE) !== 0 && !file.startsWith(MOUNTED_SECRETS);
}

/** Reads the secret from the file that `fileVariable` names, else from `textVariable` itself. */
async function secretFromEnv(
  fileVariable: string,
  textVariable: string,
  log: Log | undefined,
): Promise<Secret | undefined> {
  const file = variable(fileVariable);
  if (file !== undefined) return parse(`file "${file}"`, await readFile(file, true, log));
  const text = variable(textVariable);
  return text === undefined ? undefined : parse(textVariable, text);
}

function parse(source: string, text: string): Secret {
  try {
    return importSecret(text);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw noSecret(`the secret in ${source} ${cause.message}`);
  }
}

async function readFile(file: string, isNamed: boolean, log: Log | undefined): Promise<string> {
  try {
    const { text, mode } = await readSmallFile(file);
    if (isExposed(file, mode)) {
      log?.("warn", "secret_readable", { path: file, remedy: `chmod 600 ${file}` });
    }
    return text;
  } catch (error) {
    if (!isNamed && error instanceof Deno.errors.NotFound) {
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
