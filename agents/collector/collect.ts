/**
 * Collects sources page by page. A request names sources and a cursor; the answer is one page and the
 * cursor of the next. Start reading at `collect()`.
 *
 * @module
 */
import { sha256 } from "../../lib/digest.ts";
import { CodedError } from "../../lib/errors.ts";
import type { Json } from "../../lib/json.ts";
import type { Context } from "../define.ts";
import type { Page } from "../shapes.ts";
import { type Candidate, checkCursor, nameOf } from "./candidates.ts";
import type { CollectInput, CollectOutput, Cursor, Note, Place } from "./collect_shapes.ts";
import type { CollectorConfig } from "./config.ts";
import { InboxFile } from "./inbox/inbox_file.ts";
import { streamOf } from "./inbox/stream_of.ts";
import { type OpenSource, openSource } from "./open_source.ts";
import { cutPage } from "./page/cut_page.ts";
import type { Head } from "./page/detect.ts";
import { formatOf } from "./page/layout.ts";
import { fingerprint } from "./progress/fingerprint.ts";
import { continues, type Start } from "./progress/fresh.ts";
import { readProgress, saveProgress } from "./progress/progress.ts";
import { search, type Target } from "./search.ts";

/**
 * Returns the page at the cursor and the cursor of the next page, or null after the last. Sources
 * without content are passed over; if none has any, the answer is one page without text.
 *
 * A source is collected as it was when its first page was cut: what is appended meanwhile is left
 * for the next time. A last line without a line feed is collected like any other. If more of it is
 * written later, that is a record of its own with the same line number.
 *
 * @throws {CodedError} `not_found` and `invalid_input` for sources that can't be read,
 * `handler_rejected` for a file that was replaced between two of its pages
 */
export async function collect(
  config: CollectorConfig,
  input: CollectInput,
  context: Context,
): Promise<CollectOutput> {
  const { cursor, sources } = input;
  if (cursor !== undefined) checkCursor(sources, cursor);
  const begun = cursor?.at;
  const targets = search(config, input, context);
  const { value: target, done } = begun === undefined
    ? await targets.next()
    : { value: await resumedTarget(config, cursor!, begun) };
  if (done) return emptyAnswer(input, target, context);

  const { candidate, start, file } = target;
  const name = sourceName(input, candidate);
  await using source = await openSource(
    sources[candidate.source],
    file,
    context.signal,
    begun?.size,
  );
  const { raw, text, head } = source;
  const state = { size: raw.size, digest: await fingerprint(raw, raw.size) };
  if (begun !== undefined) assertUnchanged(name, source, state, begun);
  const from = afterHead(head, start);
  const cut = await cutPage(text, head.layout, from, context.signal);
  const page: Page = {
    stream: streamFor(input),
    source: name,
    format: formatOf(head.layout),
    first_line: from.line,
    ...(head.columns && { columns: head.columns }),
    text: cut.text,
    bytes: rawBytes(source, start.offset, cut.offset),
    cut: cut.cut,
  };
  const reached = { offset: cut.offset, line: cut.line, ...state };
  const next = cut.offset < text.size
    ? { ...candidate, at: reached }
    : await finishSource(config, context, source, reached, targets);
  const note: Note = {
    answer: { page: { ...page, text: "" }, cursor: next },
    cut: { ...candidate, at: { ...from, ...state }, digest: sha256(cut.text) },
  };
  context.note(note as Json);
  return { page, cursor: next };
}

/** What shows later whether a source is still the same. */
type State = Pick<Place, "size" | "digest">;

function assertUnchanged(
  name: string,
  { text }: OpenSource,
  { size, digest }: State,
  begun: Place,
): void {
  if (size === begun.size && digest === begun.digest && begun.offset < text.size) return;
  throw new CodedError(
    "handler_rejected",
    `Cannot continue with "${name}": it has changed while it was collected; collect it again`,
  );
}

/** Skips what stands before the first record. */
function afterHead({ skip, line }: Head, start: Start): Start {
  return start.offset < skip ? { offset: skip, line } : { offset: start.offset, line: start.line };
}

/** Returns the target of a cursor that is begun. */
async function resumedTarget(
  { inbox }: CollectorConfig,
  cursor: Cursor,
  at: Place,
): Promise<Target> {
  const { source, path } = cursor;
  if (path === undefined) return { candidate: { source }, start: at };
  return { candidate: { source, path }, start: at, file: await InboxFile.find(inbox, path) };
}

/** Records that a source was collected to its end, and returns the next cursor. */
async function finishSource(
  config: CollectorConfig,
  context: Context,
  { file }: OpenSource,
  end: Place,
  targets: AsyncGenerator<Target, Candidate>,
): Promise<Cursor | null> {
  if (file !== undefined) await record(config, context, file, end);
  const { value: next, done } = await targets.next();
  if (done) return null;
  await next.file?.[Symbol.asyncDispose]();
  return next.candidate;
}

/** Records a file, unless another task has collected more of the same content meanwhile. */
async function record(
  { inbox, now }: CollectorConfig,
  { memory }: Context,
  file: InboxFile,
  { size, line, digest }: Place,
): Promise<void> {
  const earlier = await readProgress(memory, file.path);
  const isSurpassed = earlier !== undefined && earlier.offset > size &&
    await continues(file, earlier);
  if (isSurpassed) return;
  await saveProgress(inbox, memory, file.path, {
    offset: size,
    line,
    modified: file.modified,
    digest,
    collected_at: now(),
  });
}

/** One page without text. */
function emptyAnswer(input: CollectInput, candidate: Candidate, context: Context): CollectOutput {
  const answer: CollectOutput = {
    page: {
      stream: streamFor(input),
      source: sourceName(input, candidate),
      format: "lines",
      first_line: 1,
      text: "",
      bytes: 0,
      cut: 0,
    },
    cursor: null,
  };
  context.note({ answer } as Json);
  return answer;
}

/**
 * Returns how many bytes of the source a part of its text stands for. A packed source is divided in
 * proportion to the text.
 */
function rawBytes({ raw, text }: OpenSource, from: number, to: number): number {
  const upTo = (offset: number): number => {
    if (raw === text || offset === 0) return offset;
    return offset === text.size ? raw.size : Math.floor(raw.size * (offset / text.size));
  };
  // An empty text has no parts, so its only page stands for the whole source.
  return text.size === 0 ? raw.size : upTo(to) - upTo(from);
}

function sourceName({ sources }: CollectInput, { source, path }: Candidate): string {
  return path ?? nameOf(sources[source]);
}

function streamFor({ stream, sources: [first] }: CollectInput): string {
  return stream ?? ("text" in first ? nameOf(first) : streamOf(nameOf(first)));
}
