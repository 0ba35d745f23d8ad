/**
 * A source that is open for reading.
 *
 * @module
 */
import type { Source } from "../shapes.ts";
import { type Bytes, fileBytes, memoryBytes, readRange } from "./inbox/bytes.ts";
import { type Candidate, nameOf } from "./candidates.ts";
import { detect, type Head, HEAD_BYTES, isBinary } from "./page/detect.ts";
import { refuse } from "./inbox/inbox_path.ts";
import { openPlain } from "./inbox/plain_file.ts";
import { unpack } from "./inbox/unpack.ts";

/** Closed by whoever opened it. */
export interface OpenSource extends AsyncDisposable {
  /** The bytes as they lie in the inbox. */
  readonly raw: Bytes;
  /** The same as UTF-8: `raw` itself unless that is packed or in another encoding. */
  readonly text: Bytes;
  readonly head: Head;
  /** The file's time of change in milliseconds since 1970. */
  readonly modified: number;
}

/**
 * Opens what a candidate stands for.
 *
 * @param size how many bytes of a file are to be seen; absence means those that are there now
 * @throws {CodedError} as `openPlain`; `invalid_input` when it is no text
 */
export async function openSource(
  inbox: string,
  sources: Source[],
  { source: index, path }: Candidate,
  signal: AbortSignal,
  size?: number,
): Promise<OpenSource> {
  if (path !== undefined) return await openFile(inbox, path, signal, size);
  const source = sources[index];
  const raw = memoryBytes(new TextEncoder().encode("text" in source ? source.text : ""));
  return {
    raw,
    text: raw,
    head: await look(nameOf(source), raw),
    modified: 0,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function openFile(
  inbox: string,
  path: string,
  signal: AbortSignal,
  size?: number,
): Promise<OpenSource> {
  await using opening = new AsyncDisposableStack();
  const { file, found } = await openPlain(inbox, path);
  opening.defer(() => file.close());
  const raw = fileBytes(file, Math.min(size ?? found.size, found.size));
  const text = await unpack(path, raw, signal);
  opening.defer(() => text.free?.());
  const head = await look(path, text);
  const open = opening.move();
  return {
    raw,
    text,
    head,
    modified: found.modified,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

async function look(path: string, text: Bytes): Promise<Head> {
  const head = await readRange(text, 0, Math.min(HEAD_BYTES, text.size));
  if (isBinary(head)) refuse(path, "not text: it has NUL bytes; convert it first");
  return detect(path, head, text.size <= HEAD_BYTES);
}
