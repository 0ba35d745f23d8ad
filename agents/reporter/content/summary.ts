import { z } from "zod";
import { addCounts } from "../../add_counts.ts";
import { type Analysis, LEVELS } from "../../shapes.ts";
import { ratio } from "./format.ts";

const Count = z.int().nonnegative();

/**
 * What memory keeps of a report, for the index and for comparison with the stream's next report.
 */
export const Summary = z.strictObject({
  task: z.string(),
  stream: z.string(),
  run: Count,
  headline: z.string(),
  records: Count,
  bytes: Count,
  /** Records of level error or fatal; null if no record states a level. */
  errors: Count.nullable(),
  templates: Count,
  /** The input's last timestamp, in milliseconds since 1970. */
  to: z.number().nullable(),
});
export type Summary = z.infer<typeof Summary>;

/** Summarizes an analysis and its headline. */
export function summarize(analysis: Analysis, task: string, headline: string): Summary {
  return {
    task,
    stream: analysis.stream,
    run: analysis.run,
    headline,
    records: analysis.records,
    bytes: analysis.bytes,
    errors: errorsOf(analysis),
    templates: analysis.templates.length,
    to: analysis.to,
  };
}

/** Returns the number of records of level error or fatal; null if no record states a level. */
export function errorsOf({ levels }: Pick<Analysis, "levels">): number | null {
  if (!LEVELS.some((level) => level !== "none" && levels[level])) return null;
  return addCounts(levels.error ?? 0, levels.fatal ?? 0);
}

/** Returns the share of errors among all records, from 0 to 1; null if no record states a level. */
export function errorShare(
  { errors, records }: Pick<Summary, "errors" | "records">,
): number | null {
  return errors === null ? null : ratio(errors, records);
}
