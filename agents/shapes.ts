/**
 * The values that cross from one agent to the next: `Page` from the collector to the analyzer,
 * `Partial` between the analyzer's own ops, `Analysis` from the analyzer to the reporter, and
 * `Report`, its answer. The orchestrator passes them on unread. The agent that receives a value checks
 * it against its schema here. No schema has a list without a limit.
 *
 * @module
 */
import { z } from "zod";

/** The most text that one page holds, in UTF-8 bytes. */
export const PAGE_BYTES = 1024 * 1024;

/** The most items that a list of each kind holds. */
export const ITEMS_MAX = {
  columns: 1000,
  sources: 64 + 4, // 64 by name, and one more for the rest of each format
  points: 512,
  templates: 600,
  fields: 96,
  buckets: 512,
  names: 64,
  values: 40,
  words: 200,
  bursts: 50,
  silent: 100,
  changed: 100,
  files: 3,
} as const;

/** The largest bucket index. Magnitudes beyond it are no measurements, and soon no finite numbers. */
const BUCKET_INDEX_MAX = 12_000;

const Count = z.int().nonnegative();
const Name = z.string().min(1).max(256);
const Counted = z.tuple([z.string(), Count]);
/** In ms since 1970, from the input's own timestamps. Timestamps without a zone are read as UTC. */
const Instant = z.number().min(-8.64e15).max(8.64e15);

/** Severities, worst first. `none` stands for records that state no severity. */
export const LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "none"] as const;
/** One severity. */
export const Level = z.enum(LEVELS);
export type Level = z.infer<typeof Level>;

/** Records of each severity. The keys are spelled out: a `z.record` would check every wrong key. */
const Levels = z.strictObject(
  {
    fatal: Count.optional(),
    error: Count.optional(),
    warn: Count.optional(),
    info: Count.optional(),
    debug: Count.optional(),
    trace: Count.optional(),
    none: Count.optional(),
  } satisfies Record<Level, z.ZodType>,
);

/** How the records of a page's text are separated. JSON documents are paged as JSON lines. */
export const Format = z.enum(["lines", "csv", "tsv", "ndjson"]);
export type Format = z.infer<typeof Format>;

/** What to collect: text in the request itself, one file, or every file that a glob matches. */
export const Source = z.union([
  z.strictObject({ text: z.string().max(PAGE_BYTES), name: Name.optional() }),
  z.strictObject({ file: Name }),
  z.strictObject({ glob: Name }),
]);
export type Source = z.infer<typeof Source>;

/** Whole records from one source, in the order of that source. */
export const Page = z.strictObject({
  /** Names the baseline and the earlier reports. Set by the client, or taken from the file's name. */
  stream: Name,
  /** The file's path in the inbox, or the name of an inline text. */
  source: Name,
  format: Format,
  /** Line number of the first record in its source, from 1. */
  first_line: z.int().positive(),
  /** Column names of CSV and TSV. The header row is never part of `text`. */
  columns: z.array(z.string()).max(ITEMS_MAX.columns).optional(),
  /** Each record ends with a line feed, except an unterminated last record. */
  text: z.string(),
  /** Bytes of the source that this page covers. */
  bytes: Count,
  /** Records that were longer than 64 KiB and lost their end. */
  cut: Count,
});
export type Page = z.infer<typeof Page>;

/** What an analysis counts of one source. */
export const SourceCount = z.strictObject({
  name: Name,
  format: Format,
  records: Count,
  bytes: Count,
});
export type SourceCount = z.infer<typeof SourceCount>;

const Buckets = z.array(
  z.tuple([z.int().min(-BUCKET_INDEX_MAX).max(BUCKET_INDEX_MAX), Count]),
).max(ITEMS_MAX.buckets);

/**
 * Quantile sketch with a relative error of 1 %: DDSketch (Masson, Rim, Lee: "DDSketch: a fast and
 * fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019). A bucket is
 * `[index, count]` and holds the magnitudes in (gamma^(index-1), gamma^index], gamma = 1.01/0.99.
 */
export const Sketch = z.strictObject({
  positive: Buckets,
  negative: Buckets,
  zeros: Count,
});
export type Sketch = z.infer<typeof Sketch>;

/** Records per step of time. `points` are `[start, records, errors]` in order, without empty steps. */
export const Timeline = z.strictObject({
  step_ms: z.int().positive(),
  points: z.array(z.tuple([Instant, Count, Count])).max(ITEMS_MAX.points),
});
export type Timeline = z.infer<typeof Timeline>;

/** How often a template occurs in a part of the input. `<*>` stands for what varies. */
export const TemplateCount = z.strictObject({
  text: z.string(),
  level: Level,
  count: Count,
  first_at: Instant.nullable(),
  last_at: Instant.nullable(),
  /** One original record, shortened to 400 characters. */
  example: z.string(),
});
export type TemplateCount = z.infer<typeof TemplateCount>;

/** Everything that `analyze` finds in a page. Partials merge into one, in any order. */
export const Partial = z.strictObject({
  stream: Name,
  sources: z.array(SourceCount).max(ITEMS_MAX.sources),
  records: Count,
  bytes: Count,
  cut: Count,
  levels: Levels,
  timeline: Timeline.nullable(),
  templates: z.array(TemplateCount).max(ITEMS_MAX.templates),
  /** Records whose template was dropped because the list was full. */
  templates_dropped: Count,
  fields: z.array(z.strictObject({
    name: Name,
    count: Count,
    min: z.number(),
    max: z.number(),
    sum: z.number(),
    sketch: Sketch,
  })).max(ITEMS_MAX.fields),
  values: z.array(z.strictObject({
    name: Name,
    count: Count,
    top: z.array(Counted).max(ITEMS_MAX.values),
    more: z.boolean(),
  })).max(ITEMS_MAX.names),
  words: z.array(Counted).max(ITEMS_MAX.words),
});
export type Partial = z.infer<typeof Partial>;

/** A template of the finished analysis. */
export const Template = TemplateCount.extend({
  /** A digest of the text, the same in every run. */
  id: z.string(),
  /** Whether the stream's baseline has it. In a first run nothing is `new`. */
  status: z.enum(["new", "known"]),
});
export type Template = z.infer<typeof Template>;

/** A numeric field and the distribution of its values. */
export const Field = z.strictObject({
  name: Name,
  count: Count,
  min: z.number(),
  max: z.number(),
  mean: z.number(),
  p50: z.number(),
  p90: z.number(),
  p99: z.number(),
});
export type Field = z.infer<typeof Field>;

/** The most frequent values of a text field. `distinct` is a lower bound if `more` is true. */
export const TopValues = z.strictObject({
  name: Name,
  count: Count,
  distinct: Count,
  more: z.boolean(),
  top: z.array(Counted).max(ITEMS_MAX.values),
});
export type TopValues = z.infer<typeof TopValues>;

/** A difference from the stream's earlier runs. `usual` and `now` are in the unit of `kind`. */
export const Change = z.strictObject({
  /**
   * `rate`: a template's share of all records; `level`: a level's share; `value`: a field's median;
   * `volume`: records in a run.
   */
  kind: z.enum(["rate", "level", "value", "volume"]),
  /** The template's id, the level or the field's name; for `volume` the stream. */
  subject: z.string(),
  /** The subject as a report shows it. */
  text: z.string(),
  usual: z.number(),
  now: z.number(),
});
export type Change = z.infer<typeof Change>;

/** The finished analysis: what the input says, and what is new since the stream's last run. */
export const Analysis = z.strictObject({
  stream: Name,
  /** Number of this run of the stream, from 1. */
  run: z.int().positive(),
  sources: z.array(SourceCount).max(ITEMS_MAX.sources),
  records: Count,
  bytes: Count,
  cut: Count,
  from: Instant.nullable(),
  to: Instant.nullable(),
  levels: Levels,
  timeline: Timeline.nullable(),
  /** Steps of the timeline with unusually many records. `usual` is the median of all steps. */
  bursts: z.array(z.strictObject({ at: Instant, records: Count, usual: z.number() }))
    .max(ITEMS_MAX.bursts),
  /** Most frequent first. */
  templates: z.array(Template).max(ITEMS_MAX.templates),
  templates_dropped: Count,
  fields: z.array(Field).max(ITEMS_MAX.fields),
  values: z.array(TopValues).max(ITEMS_MAX.names),
  /** Empty unless the input is mostly prose. */
  keywords: z.array(Counted).max(ITEMS_MAX.words),
  news: z.strictObject({
    /** Ids of the templates that no earlier run had; empty in a first run. */
    appeared: z.array(z.string()).max(ITEMS_MAX.templates),
    /** Usual templates that did not occur. `usual` is the count that was expected. */
    silent: z.array(z.strictObject({ id: z.string(), text: z.string(), usual: z.number() }))
      .max(ITEMS_MAX.silent),
    changed: z.array(Change).max(ITEMS_MAX.changed),
  }),
});
export type Analysis = z.infer<typeof Analysis>;

/** The answer of `report`: enough to show the report without another request. */
export const Report = z.strictObject({
  stream: Name,
  run: z.int().positive(),
  /** One line that says what matters most. */
  headline: z.string(),
  markdown: z.string(),
  /** Paths relative to the reporter's memory folder, and sizes in bytes. */
  files: z.array(z.strictObject({ path: z.string(), bytes: Count })).max(ITEMS_MAX.files),
});
export type Report = z.infer<typeof Report>;
