import type { Source } from "../shapes.ts";
import { nameOf } from "./candidates.ts";
import { type Bytes, memoryBytes, readRange } from "./inbox/bytes.ts";
import type { InboxFile } from "./inbox/inbox_file.ts";
import { refuse } from "./inbox/inbox_path.ts";
import { unpack } from "./inbox/unpack.ts";
import { detect, type Head, HEAD_BYTES, isBinary } from "./page/detect.ts";

/** A source that is open for reading. Disposing closes its file and frees its unpacked text. */
export interface OpenSource extends AsyncDisposable {
  /** Absent for an inline text. */
  readonly file?: InboxFile;
  /** The bytes as they are in the inbox. */
  readonly raw: Bytes;
  /** The same as UTF-8; `raw` itself unless it is packed or in another encoding. */
  readonly text: Bytes;
  /** What the beginning of `text` says. */
  readonly head: Head;
}

/**
 * Opens a source.
 *
 * @param file absent for an inline text; the open source closes it, also if opening fails
 * @param size bytes of the file to read; absence means the size at which it was found
 * @throws {CodedError} what `InboxFile.bytes()` throws; `invalid_input` if the source is no text
 */
export async function openSource(
  source: Source,
  file: InboxFile | undefined,
  signal: AbortSignal,
  size?: number,
): Promise<OpenSource> {
  await using opening = new AsyncDisposableStack();
  opening.use(file);
  const name = file?.path ?? nameOf(source);
  const inline = "text" in source ? source.text : "";
  const raw = await file?.bytes(size) ?? memoryBytes(new TextEncoder().encode(inline));
  const text = await unpack(name, raw, signal);
  opening.defer(() => text.free?.());
  const head = await headOf(name, text);
  const open = opening.move();
  return { file, raw, text, head, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

async function headOf(name: string, text: Bytes): Promise<Head> {
  const head = await readRange(text, 0, Math.min(HEAD_BYTES, text.size));
  if (isBinary(head)) refuse(name, "not text: it has NUL bytes; convert it first");
  return detect(name, head, text.size <= HEAD_BYTES);
}
