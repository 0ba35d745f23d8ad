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
import { cutPage } from "./page/cut_page.ts";
import { freshFrom, FROM_START, type Start } from "./progress/fresh.ts";
import { formatOf } from "./page/layout.ts";
import { fingerprint } from "./progress/fingerprint.ts";
import { type OpenSource, openSource } from "./open_source.ts";
import { findPlain } from "./inbox/plain_file.ts";
import { searchBehind, searchFrom } from "./search.ts";
import { readProgress, saveProgress } from "./progress/progress.ts";
import type { CollectorConfig } from "./config.ts";
import { streamOf } from "./inbox/stream_of.ts";

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
  const begun = cursor?.at;
  const { candidate, start } = cursor !== undefined && begun !== undefined
    ? { candidate: candidateOf(cursor), start: begun }
    : await searchFrom(cursor, setting, input, context);
  if (start === undefined) return nothing(input, candidate, context);

  await using opened = await openSource(
    setting.inbox,
    sources,
    candidate,
    context.signal,
    begun?.size,
  );
  const state = await stateOf(opened);
  if (begun !== undefined) checkSame(sourceName(input, candidate), opened, state, begun);
  const from = behindHead(opened, start);
  const cut = await cutPage(opened.text, opened.head.layout, from, context.signal);
  const page: Page = {
    stream: streamFor(input),
    source: sourceName(input, candidate),
    format: formatOf(opened.head.layout),
    first_line: from.line,
    ...(opened.head.columns && { columns: opened.head.columns }),
    text: cut.text,
    bytes: rawBytes(opened, start.offset, cut.offset),
    cut: cut.cut,
  };
  const reached = { offset: cut.offset, line: cut.line, ...state };
  const next = cut.offset < opened.text.size
    ? { ...candidate, at: reached }
    : await behindEnd(setting, input, context, candidate, opened, reached);
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

/** Records that a file has been collected to its end, and looks for what comes behind it. */
async function behindEnd(
  setting: CollectorConfig,
  input: CollectInput,
  context: Context,
  candidate: Candidate,
  opened: OpenSource,
  end: Place,
): Promise<Cursor | null> {
  if (candidate.path !== undefined) {
    await record(setting, context, candidate.path, opened, end);
  }
  const next = await searchBehind(candidate, setting, input, context);
  return next.start === undefined ? null : next.candidate;
}

/** A task that began before another one has nothing to add to what that one collected since. */
async function record(
  { inbox, now }: CollectorConfig,
  { memory }: Context,
  path: string,
  { modified }: OpenSource,
  { size, line, digest }: Place,
): Promise<void> {
  const seen = await readProgress(memory, path);
  const surpassed = seen !== undefined && seen.offset > size &&
    await freshFrom(inbox, await findPlain(inbox, path), seen) !== FROM_START;
  if (surpassed) return;
  await saveProgress(inbox, memory, path, {
    offset: size,
    line,
    modified,
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

function candidateOf({ source, path }: Cursor): Candidate {
  return path === undefined ? { source } : { source, path };
}

function sourceName({ sources }: CollectInput, { source, path }: Candidate): string {
  return path ?? nameOf(sources[source]);
}

function streamFor({ stream, sources: [first] }: CollectInput): string {
  return stream ?? ("text" in first ? nameOf(first) : streamOf(nameOf(first)));
}
