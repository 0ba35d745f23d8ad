import type { FileHandle } from "node:fs/promises";
import { type Bytes, fileBytes } from "./bytes.ts";
import { findPlain, openPlain } from "./plain_file.ts";

/**
 * A plain file of the inbox for the length of one request. It is looked up once and opened at most
 * once, at the first read. The caller of `find()` closes it.
 */
export class InboxFile implements AsyncDisposable {
  /** Relative to the inbox. */
  readonly path: string;
  /** Bytes that the file had when it was found. */
  readonly size: number;
  /** Time of the last change, in ms since 1970; 0 if the system has none or no `Date` can hold it. */
  readonly modified: number;
  readonly #inbox: string;
  readonly #info: Deno.FileInfo;
  #handle: FileHandle | undefined;

  private constructor(inbox: string, path: string, info: Deno.FileInfo) {
    this.#inbox = inbox;
    this.#info = info;
    this.path = path;
    this.size = info.size;
    this.modified = info.mtime?.getTime() || 0;
  }

  /**
   * Looks a file up without opening it.
   *
   * @throws {CodedError} what `findPlain()` throws
   */
  static async find(inbox: string, path: string): Promise<InboxFile> {
    return new InboxFile(inbox, path, await findPlain(inbox, path));
  }

  /**
   * Returns the first `size` bytes, at most those that the file had when it was found.
   *
   * @throws {CodedError} what `openPlain()` throws
   */
  async bytes(size = this.size): Promise<Bytes> {
    this.#handle ??= await openPlain(this.#inbox, this.path, this.#info);
    return fileBytes(this.#handle, Math.min(size, this.size));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle?.close();
  }
}
