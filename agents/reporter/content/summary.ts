import { z } from "zod";
import { addCounts } from "../../add_counts.ts";
import { type Analysis, LEVELS } from "../../shapes.ts";
import { ratio } from "./format.ts";

const Count = z.int().nonnegative();

/** What is remembered of a report: for the next one of its stream to compare with, and for the index. */
export const Summary = z.strictObject({
  task: z.string(),
  stream: z.string(),
  run: Count,
  headline: z.string(),
  records: Count,
  bytes: Count,
  /** Records of level error or fatal; null where the input does not say how severe they are. */
  errors: Count.nullable(),
  templates: Count,
  /** The input's last timestamp, in milliseconds since 1970. */
  to: z.number().nullable(),
});
export type Summary = z.infer<typeof Summary>;

/** Takes from an analysis what is to be remembered. */
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

/** Records of level error or fatal; null where the input does not say how severe its records are. */
export function errorsOf({ levels }: Pick<Analysis, "levels">): number | null {
  if (!LEVELS.some((level) => level !== "none" && levels[level])) return null;
  return addCounts(levels.error ?? 0, levels.fatal ?? 0);
}

/** The errors' part of all records. */
export function errorShare({ errors, records }: Pick<Summary, "errors" | "records">) {
  return errors === null ? null : ratio(errors, records);
}
