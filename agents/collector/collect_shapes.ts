/**
 * The input and output of `collect`, and what it notes for `recall`.
 *
 * @module
 */
import { z } from "zod";
import { Page, Source } from "../shapes.ts";
import { PATH_CHARS_MAX } from "./inbox/inbox_path.ts";

/** The most sources that one task names. */
export const SOURCES_MAX = 100;

const Name = z.string().min(1).max(PATH_CHARS_MAX);
const Count = z.int().nonnegative();

/** Where in a source a page begins, and for which state of the source. */
export const Place = z.strictObject({
  /** In bytes of the text, after unpacking. */
  offset: Count,
  /** Line number, from 1. */
  line: z.int().positive(),
  /** Bytes of the source when its first page was cut. What was appended since is left out. */
  size: Count,
  /** Fingerprint of these bytes. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
});
export type Place = z.infer<typeof Place>;

/** Where the next page is cut. Nothing in it is trusted, since it comes back from outside. */
export const Cursor = z.strictObject({
  /** Index of the source, from 0. */
  source: Count.max(SOURCES_MAX - 1),
  /** The file; absent for an inline text. */
  path: Name.optional(),
  /** Absent if no page of the source was cut. */
  at: Place.optional(),
});
export type Cursor = z.infer<typeof Cursor>;

/** A request for one page. */
export const CollectInput = z.strictObject({
  sources: z.array(Source).min(1).max(SOURCES_MAX),
  /** Absence means the first source's; see `streamOf()`. */
  stream: Name.optional(),
  /** Leaves out what was collected before; absence means false. */
  only_new: z.boolean().optional(),
  /** From the last answer; absence means the first page. */
  cursor: Cursor.optional(),
});
export type CollectInput = z.infer<typeof CollectInput>;

/** One page. */
export const CollectOutput = z.strictObject({
  page: Page,
  /** For the next page; null after the last. */
  cursor: Cursor.nullable(),
});
export type CollectOutput = z.infer<typeof CollectOutput>;

/** What `recall` needs to repeat an answer. */
export const Note = z.strictObject({
  /** The answer without its text. */
  answer: CollectOutput,
  /** Where the text was cut, and its SHA-256; absent if there was no text. */
  cut: z.strictObject({ source: Count, path: Name.optional(), at: Place, digest: z.string() })
    .optional(),
});
export type Note = z.infer<typeof Note>;
