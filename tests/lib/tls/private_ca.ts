/**
 * A private CA for a test, made with the very commands that SECURITY.md gives.
 *
 * @module
 */
import { SYSTEM, type System } from "../../../lib/system.ts";
import { tlsNet } from "../../../lib/tls/tls.ts";
import { skip } from "../../harness/test_output.ts";
import { TempFolder } from "../../harness/temp_folder.ts";

const SECURITY = new URL("../../../.github/SECURITY.md", import.meta.url);
const COMMANDS = /```sh\n(mkdir -p ca secret[^`]+)```/;
/** The folders that the commands fill. */
const FOLDERS = ["ca", "secret"];

/** A CA and a certificate for each role, in a folder that belongs to one test. */
export class PrivateCa implements AsyncDisposable {
  readonly #temp: TempFolder;
  /** The certificate that peers have to trust, as PEM. */
  readonly ca: string;

  private constructor(temp: TempFolder, ca: string) {
    this.#temp = temp;
    this.ca = ca;
  }

  /** Makes a CA that no other test has. */
  static async make(): Promise<PrivateCa> {
    const temp = await TempFolder.make();
    const commands = COMMANDS.exec(await Deno.readTextFile(SECURITY))![1];
    await sh(temp.path, commands);
    return await PrivateCa.#in(temp);
  }

  /** Copies the CA of this test file into a new folder. It is made once, since that takes seconds. */
  static async copy(): Promise<PrivateCa> {
    const temp = await TempFolder.make();
    for (const folder of FOLDERS) await Deno.mkdir(`${temp.path}/${folder}`);
    for (const [name, bytes] of await (shared ??= readShared())) {
      await Deno.writeFile(`${temp.path}/${name}`, bytes);
    }
    return await PrivateCa.#in(temp);
  }

  static async #in(temp: TempFolder): Promise<PrivateCa> {
    return new PrivateCa(temp, await Deno.readTextFile(`${temp.path}/secret/ca.pem`));
  }

  /** The folder that the commands were run in; `secret` in it holds the files that roles read. */
  get folder(): string {
    return this.#temp.path;
  }

  /** Replaces a role's certificate by one for these names that is valid for `days` from now. */
  async certify(role: string, names: string, days: number): Promise<void> {
    await sh(
      this.folder,
      `echo "subjectAltName=${names}" > names
      openssl x509 -req -in ca/${role}.csr -extfile names -days ${days} \
        -CA secret/ca.pem -CAkey ca/ca.key -CAserial ca/serial -out secret/${role}.pem`,
    );
  }

  /** The machine with a network that listens as `role` and trusts this CA, or the one in `ca`. */
  async system({ role = "collector", ca = this.ca }: {
    role?: string;
    ca?: string;
  } = {}): Promise<System> {
    const read = (ending: string): Promise<string> =>
      Deno.readTextFile(`${this.folder}/secret/${role}.${ending}`);
    const identity = { cert: await read("pem"), key: await read("key") };
    return { ...SYSTEM, net: tlsNet({ identity, ca }, SYSTEM.net) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#temp[Symbol.asyncDispose]();
  }
}

/** The files of this test file's CA, by their path in its folder. */
let shared: Promise<ReadonlyMap<string, Uint8Array>> | undefined;

async function readShared(): Promise<ReadonlyMap<string, Uint8Array>> {
  await using ca = await PrivateCa.make();
  const files = new Map<string, Uint8Array>();
  for (const folder of FOLDERS) {
    for await (const { name } of Deno.readDir(`${ca.folder}/${folder}`)) {
      files.set(`${folder}/${name}`, await Deno.readFile(`${ca.folder}/${folder}/${name}`));
    }
  }
  return files;
}

/** Registers a test that gets a CA. It is skipped, visibly, on a machine without `openssl`. */
export function tlsTest(
  name: string,
  body: (ca: PrivateCa, t: Deno.TestContext) => Promise<void>,
): void {
  Deno.test(name, async (t) => {
    if (!await hasOpenssl()) return await skip(t, "there is no openssl");
    await using ca = await PrivateCa.copy();
    await body(ca, t);
  });
}

async function hasOpenssl(): Promise<boolean> {
  try {
    return (await new Deno.Command("openssl", { args: ["version"], stdout: "null" }).output())
      .success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function sh(cwd: string, commands: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("sh", {
    args: ["-ec", commands],
    cwd,
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
