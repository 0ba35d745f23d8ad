/**
 * What `collect` is asked and what it answers.
 *
 * @module
 */
import { z } from "zod";
import { Page, Source } from "../shapes.ts";
import { PATH_CHARS_MAX } from "./inbox/inbox_path.ts";

/** Sources of one task. */
export const SOURCES_MAX = 100;

const Name = z.string().min(1).max(PATH_CHARS_MAX);
const Count = z.int().nonnegative();

/** Where in a source a page begins, and which state of the source that is said of. */
export const Place = z.strictObject({
  /** In bytes of the text: behind the unpacking, where there is any. */
  offset: Count,
  line: z.int().positive(),
  /** Bytes that the source had when its first page was cut; what was appended since is left out. */
  size: Count,
  /** The mark of these bytes. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
});
export type Place = z.infer<typeof Place>;

/** Where the next page is to be cut. Nothing in it is trusted: it comes back from outside. */
export const Cursor = z.strictObject({
  /** Which of the sources, from 0. */
  source: Count.max(SOURCES_MAX - 1),
  /** The file; absent for an inline text. */
  path: Name.optional(),
  /** Absent when the source has not been begun. */
  at: Place.optional(),
});
export type Cursor = z.infer<typeof Cursor>;

export const CollectInput = z.strictObject({
  sources: z.array(Source).min(1).max(SOURCES_MAX),
  /** Absence means: taken from the first source, see `streamOf()`. */
  stream: Name.optional(),
  /** Leaves out what has been collected before; absence means false. */
  only_new: z.boolean().optional(),
  /** The last answer's; absence means the first page. */
  cursor: Cursor.optional(),
});
export type CollectInput = z.infer<typeof CollectInput>;

export const CollectOutput = z.strictObject({
  page: Page,
  /** Asks for the next page; null behind the last one. */
  cursor: Cursor.nullable(),
});
export type CollectOutput = z.infer<typeof CollectOutput>;

/** What gives an answer once more. */
export const Note = z.strictObject({
  /** The answer, its text taken out. */
  answer: CollectOutput,
  /** What the text is cut from, and its SHA-256; absent when there was nothing to cut. */
  cut: z.strictObject({ source: Count, path: Name.optional(), at: Place, digest: z.string() })
    .optional(),
});
export type Note = z.infer<typeof Note>;
