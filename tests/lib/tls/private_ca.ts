/**
 * A private CA for a test, made with the very commands that SECURITY.md gives.
 *
 * @module
 */
import { SYSTEM, type System } from "../../../lib/system.ts";
import { tlsNet } from "../../../lib/tls/tls.ts";
import { TempFolder } from "../../harness/temp_folder.ts";
import { skip } from "../../harness/test_output.ts";

const SECURITY = new URL("../../../.github/SECURITY.md", import.meta.url);
const COMMANDS = /```sh\n(mkdir -p ca secret[^`]+)```/;

export class PrivateCa implements AsyncDisposable {
  readonly #temp: TempFolder;
  /** What whoever connects has to trust, as PEM. */
  readonly ca: string;

  private constructor(temp: TempFolder, ca: string) {
    this.#temp = temp;
    this.ca = ca;
  }

  static async make(): Promise<PrivateCa> {
    const temp = await TempFolder.make();
    const commands = COMMANDS.exec(await Deno.readTextFile(SECURITY))![1];
    await sh(temp.path, commands);
    return new PrivateCa(temp, await Deno.readTextFile(`${temp.path}/secret/ca.pem`));
  }

  /** The folder that the commands were run in; `secret` in it holds what roles are given. */
  get folder(): string {
    return this.#temp.path;
  }

  /** Makes a certificate of its own for a role: for these names, and so many days. */
  async certify(role: string, names: string, days: number): Promise<void> {
    await sh(
      this.folder,
      `echo "subjectAltName=${names}" > names
      openssl x509 -req -in ca/${role}.csr -extfile names -days ${days} \
        -CA secret/ca.pem -CAkey ca/ca.key -CAserial ca/serial -out secret/${role}.pem`,
    );
  }

  /** The machine, listening as this role and trusting this CA, or another one. */
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

/** A test that is skipped, for all to see, where there is no `openssl` to make certificates with. */
export function tlsTest(
  name: string,
  body: (ca: PrivateCa, t: Deno.TestContext) => Promise<void>,
): void {
  Deno.test(name, async (t) => {
    if (!await hasOpenssl()) return await skip(t, "there is no openssl");
    await using ca = await PrivateCa.make();
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
