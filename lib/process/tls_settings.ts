/**
 * The settings that make a role speak TLS, and the files that they name.
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

/** For whoever listens. */
export const TLS_LISTENS = {
  "tls-cert": file("BATON_TLS_CERT", "Listen with TLS: the certificate to show (PEM)"),
  "tls-key": file("BATON_TLS_KEY", "The certificate's key (PEM)"),
};

/** For whoever connects. */
export const TLS_CONNECTS = {
  "tls-ca": file("BATON_TLS_CA", "Connect with TLS: the CA to trust (PEM)"),
};

export interface TlsFiles {
  readonly "tls-cert"?: string | undefined;
  readonly "tls-key"?: string | undefined;
  readonly "tls-ca"?: string | undefined;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * The machine with a network that speaks TLS, where files for that are named.
 *
 * @throws {ExitError} `usage` where a certificate comes without a key, a key without a certificate,
 * or a file is not what it should be; `not_permitted` where it must not be read
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

async function readIdentity(
  certFile: string,
  keyFile: string,
): Promise<Identity> {
  const { pem, first } = await readCertificates(certFile);
  const key = await readPem(keyFile);
  const own = understood(keyFile, "a private key in PEM", () => createPrivateKey(key));
  if (first.checkPrivateKey(own)) return { cert: pem, key };
  throw new ExitError("usage", `Cannot use "${keyFile}": it is not the key of "${certFile}"`);
}

async function readCertificates(path: string): Promise<{ pem: string; first: X509Certificate }> {
  const pem = await readPem(path);
  const [first] = understood(path, "a certificate in PEM", () => {
    const certificates = (pem.match(CERTIFICATE) ?? []).map((one) => new X509Certificate(one));
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
      const where = 'a role may read such files below "secret" and "/run/secrets"';
      throw new ExitError("not_permitted", `Cannot read "${path}": ${where}`, { cause });
    }
    throw new ExitError("usage", `Cannot read "${path}": ${(cause as Error).message}`, { cause });
  }
}

function understood<T>(path: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    const why = (cause as Error).message;
    throw new ExitError("usage", `Cannot use "${path}" as ${what}: ${why}`, { cause });
  }
}

function file(env: string, help: string): ValueSetting<string, undefined> {
  return { env, value: "FILE", fallback: undefined, help, read: text };
}
