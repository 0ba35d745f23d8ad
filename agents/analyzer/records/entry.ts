/**
 * What a record says, whatever format it came in. Each format has a reader that makes entries of a
 * page's text: `log_lines.ts`, `json_lines.ts` and `delimited.ts`.
 *
 * @module
 */
import type { Level } from "../../shapes.ts";

/** One record, read. */
export interface Entry {
  /** Milliseconds since 1970, or null if the record states no time. */
  readonly at: number | null;
  readonly level: Level;
  /** The part that becomes a template; null if there is none. */
  readonly message: string | null;
  /** The record as it came, up to `RECORD_CHARS_MAX`. */
  readonly raw: string;
  /** Numeric fields. */
  readonly numbers: readonly [name: string, value: number][];
  /** Fields that hold words or codes. */
  readonly values: readonly [name: string, value: string][];
}
