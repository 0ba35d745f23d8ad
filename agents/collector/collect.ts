/**
 * Collects sources page by page.
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
import { formatOf } from "./page/layout.ts";
import { fingerprint } from "./progress/fingerprint.ts";
import { continues, type Start } from "./progress/fresh.ts";
import { readProgress, saveProgress } from "./progress/progress.ts";
import { search, type Target } from "./search.ts";

/**
 * Gives the page that the cursor stands at and a cursor for the next one, or null. Sources without
 * anything to give are passed over; if all of them are, there is one page with no text.
 *
 * A source is collected as it was when its first page was cut: what is appended meanwhile is left
 * for the next time. A last line without a line feed is collected like any other; if more of it is
 * written later, that is a record of its own with the same line number.
 *
 * @throws {CodedError} `not_found` and `invalid_input` for sources that can't be read,
 * `handler_rejected` for a file that is replaced between two of its pages
 */
export async function collect(
  setting: CollectorConfig,
  input: CollectInput,
  context: Context,
): Promise<CollectOutput> {
  const { cursor, sources } = input;
  if (cursor !== undefined) checkCursor(sources, cursor);
  const targets = search(setting, input, context);
  const { value: target, done } = cursor?.at === undefined
    ? await targets.next()
    : { value: await begunTarget(setting, cursor, cursor.at) };
  if (done) return nothing(input, target, context);

  const { candidate, start, file } = target;
  const begun = cursor?.at;
  await using source = await openSource(
    sources[candidate.source],
    file,
    context.signal,
    begun?.size,
  );
  const state = await stateOf(source);
  if (begun !== undefined) checkSame(sourceName(input, candidate), source, state, begun);
  const from = behindHead(source, start);
  const cut = await cutPage(source.text, source.head.layout, from, context.signal);
  const page: Page = {
    stream: streamFor(input),
    source: sourceName(input, candidate),
    format: formatOf(source.head.layout),
    first_line: from.line,
    ...(source.head.columns && { columns: source.head.columns }),
    text: cut.text,
    bytes: rawBytes(source, start.offset, cut.offset),
    cut: cut.cut,
  };
  const reached = { offset: cut.offset, line: cut.line, ...state };
  const next = cut.offset < source.text.size
    ? { ...candidate, at: reached }
    : await afterEnd(setting, context, source, reached, targets);
  const note: Note = {
    answer: { page: { ...page, text: "" }, cursor: next },
    cut: { ...candidate, at: { ...from, ...state }, digest: sha256(cut.text) },
  };
  context.note(note as Json);
  return { page, cursor: next };
}

/** What tells later whether the source is still the same. */
async function stateOf({ raw }: OpenSource): Promise<Pick<Place, "size" | "digest">> {
  return { size: raw.size, digest: await fingerprint(raw, raw.size) };
}

function checkSame(
  name: string,
  { text }: OpenSource,
  { size, digest }: Pick<Place, "size" | "digest">,
  begun: Place,
): void {
  if (size === begun.size && digest === begun.digest && begun.offset < text.size) return;
  throw new CodedError(
    "handler_rejected",
    `Cannot go on with "${name}": it has changed while it was collected; collect it again`,
  );
}

/** Skips what stands before the first record. */
function behindHead({ head }: OpenSource, { offset, line }: Start): Start {
  return offset < head.skip ? { offset: head.skip, line: head.line } : { offset, line };
}

async function begunTarget(
  { inbox }: CollectorConfig,
  cursor: Cursor,
  at: Place,
): Promise<Target> {
  const { source, path } = cursor;
  if (path === undefined) return { candidate: { source }, start: at };
  return { candidate: { source, path }, start: at, file: await InboxFile.find(inbox, path) };
}

/** Records that a source has been collected to its end, and returns the cursor of the next one. */
async function afterEnd(
  setting: CollectorConfig,
  context: Context,
  { file }: OpenSource,
  end: Place,
  targets: AsyncGenerator<Target, Candidate>,
): Promise<Cursor | null> {
  if (file !== undefined) await record(setting, context, file, end);
  const { value: next, done } = await targets.next();
  if (done) return null;
  await next.file?.[Symbol.asyncDispose]();
  return next.candidate;
}

/** A task that began before another one has nothing to add to what that one collected since. */
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

function nothing(input: CollectInput, candidate: Candidate, context: Context): CollectOutput {
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

/** Bytes of the source that a part of its text stands for; packed ones are shared out evenly. */
function rawBytes({ raw, text }: OpenSource, from: number, to: number): number {
  const upTo = (offset: number): number => {
    if (raw === text || offset === 0) return offset;
    return offset === text.size ? raw.size : Math.floor(raw.size * (offset / text.size));
  };
  // An empty text has no parts: its only page stands for all of the source.
  return text.size === 0 ? raw.size : upTo(to) - upTo(from);
}

function sourceName({ sources }: CollectInput, { source, path }: Candidate): string {
  return path ?? nameOf(sources[source]);
}

function streamFor({ stream, sources: [first] }: CollectInput): string {
  return stream ?? ("text" in first ? nameOf(first) : streamOf(nameOf(first)));
}
