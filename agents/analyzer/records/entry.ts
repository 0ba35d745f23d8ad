/**
 * What a record says, whatever format it came in.
 *
 * @module
 */
import type { Level } from "../../shapes.ts";

export interface Entry {
  /** Milliseconds since 1970, or null where the record states no time. */
  readonly at: number | null;
  readonly level: Level;
  /** The part that becomes a template; null where there is none. */
  readonly message: string | null;
  /** The record as it came. */
  readonly raw: string;
  readonly numbers: readonly [name: string, value: number][];
  readonly values: readonly [name: string, value: string][];
}
