/**
 * The settings with which a role speaks TLS. Reads and checks the files that they name.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { text, type ValueSetting } from "./settings.ts";
import { ExitError } from "../exit.ts";
import { readSmallFile } from "./small_file.ts";
import { SYSTEM, type System } from "../system.ts";
import { tlsNet } from "../tls/tls.ts";
import type { Identity } from "../tls/listener.ts";

/** The settings of a role that listens. */
export const TLS_LISTENS = {
  "tls-cert": file("BATON_TLS_CERT", "Listen with TLS: the certificate to show (PEM)"),
  "tls-key": file("BATON_TLS_KEY", "The certificate's key (PEM)"),
};

/** The settings of a program that connects. */
export const TLS_CONNECTS = {
  "tls-ca": file("BATON_TLS_CA", "Connect with TLS: the CA to trust (PEM)"),
};

/** The files that the settings name; without a certificate or a CA, that direction is plain text. */
export interface TlsFiles {
  readonly "tls-cert"?: string | undefined;
  readonly "tls-key"?: string | undefined;
  readonly "tls-ca"?: string | undefined;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Returns `system` with a network that speaks TLS, as far as `files` name what that needs.
 *
 * @throws {ExitError} `usage` if a certificate comes without a key, a key without a certificate, or a
 * file does not hold what it should; `not_permitted` if the role may not read it
 */
export async function withTls(files: TlsFiles, system = SYSTEM): Promise<System> {
  const { "tls-cert": certFile, "tls-key": keyFile, "tls-ca": caFile } = files;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new ExitError("usage", "Cannot listen with TLS: it takes both --tls-cert and --tls-key");
  }
  const identity = certFile === undefined ? undefined : await readIdentity(certFile, keyFile!);
  const ca = caFile === undefined ? undefined : (await readCertificates(caFile)).pem;
  if (identity === undefined && ca === undefined) return system;
  return { ...system, net: tlsNet({ identity, ca }, system.net) };
}

async function readIdentity(certFile: string, keyFile: string): Promise<Identity> {
  const { pem, first } = await readCertificates(certFile);
  const key = await readPem(keyFile);
  const privateKey = parse(keyFile, "a private key in PEM", () => createPrivateKey(key));
  if (first.checkPrivateKey(privateKey)) return { cert: pem, key };
  throw new ExitError("usage", `Cannot use "${keyFile}": it is not the key of "${certFile}"`);
}

async function readCertificates(path: string): Promise<{ pem: string; first: X509Certificate }> {
  const pem = await readPem(path);
  const [first] = parse(path, "a certificate in PEM", () => {
    const certificates = (pem.match(CERTIFICATE) ?? []).map((text) => new X509Certificate(text));
    if (certificates.length === 0) throw new RangeError("there is none in it");
    return certificates;
  });
  return { pem, first };
}

async function readPem(path: string): Promise<string> {
  try {
    return (await readSmallFile(path)).text;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) {
      const why = 'a role may read such files only below "secret" and "/run/secrets"';
      throw new ExitError("not_permitted", `Cannot read "${path}": ${why}`, { cause });
    }
    throw new ExitError("usage", `Cannot read "${path}": ${(cause as Error).message}`, { cause });
  }
}

/** Returns what `read` does. Throws `usage`, naming the file and `what` it should be, if that fails. */
function parse<T>(path: string, what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const why = (cause as Error).message;
    throw new ExitError("usage", `Cannot use "${path}" as ${what}: ${why}`, { cause });
  }
}

function file(env: string, help: string): ValueSetting<string, undefined> {
  return { env, value: "FILE", fallback: undefined, help, read: text };
}
