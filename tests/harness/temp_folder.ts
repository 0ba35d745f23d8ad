/** A folder that is gone when its test is over. */
export class TempFolder implements AsyncDisposable {
  private constructor(readonly path: string) {}

  static async make(): Promise<TempFolder> {
    return new TempFolder(await Deno.makeTempDir({ prefix: "baton-" }));
  }

  async names(): Promise<string[]> {
    const found = await Array.fromAsync(Deno.readDir(this.path));
    return found.map(({ name }) => name).sort();
  }

  /** The journal's segments, the oldest first. */
  async segments(): Promise<string[]> {
    const names = await this.names();
    return names.filter((name) => name.endsWith(".ndjson")).map((name) => `${this.path}/${name}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Copies the files of a folder as they are at this moment: nothing else runs meanwhile. */
export function copyFolder(from: string, to: string): void {
  Deno.mkdirSync(to, { recursive: true });
  for (const { name, isFile } of Deno.readDirSync(from)) {
    if (isFile) Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
  }
}
