/**
 * One page to its partial result: read records, mask messages, count.
 *
 * @module
 */
import type { Page, Partial } from "../shapes.ts";
import { SequenceDetector } from "./counts/sequence_detector.ts";
import { Tally } from "./counts/tally.ts";
import { readDelimited } from "./records/delimited.ts";
import type { Entry } from "./records/entry.ts";
import { readJsonLines } from "./records/json_lines.ts";
import { readLogLines } from "./records/log_lines.ts";
import { isProse, keywordsOf } from "./records/prose.ts";
import { clipTemplate } from "./templates/clip_template.ts";
import { mask } from "./templates/mask.ts";

/** Messages of a page whose templates are cached: short messages repeat by the hundred thousand. */
const CACHED_MESSAGES_MAX = 1024;
/** A page is prose if this share of its messages reads like sentences and hardly any repeats. */
const PROSE_SHARE_MIN = 0.6;
const PROSE_DISTINCT_MIN = 0.5;

/** Counts what a page says; a pure function of the page. */
export function analyze(page: Page): Partial {
  const { format, bytes } = page;
  const tally = new Tally(page.stream);
  const sequences = new SequenceDetector();
  const templateOf = cachedTemplates();
  let messages = 0;
  let proseMessages = 0;
  for (const entry of entriesOf(page)) {
    countEntry(tally, entry);
    for (const [name, value] of entry.numbers) sequences.add(name, value);
    if (entry.message === null) continue;
    messages++;
    tally.templates.add(templateOf(entry.message), entry.level, entry.at, entry.raw);
    if (format === "lines" && isProse(entry)) {
      proseMessages++;
      for (const word of keywordsOf(entry.message)) tally.words.add(word, 1);
    }
  }
  for (const name of sequences.names()) tally.fields.remove(name);
  const pageIsProse = proseMessages >= Math.max(1, messages * PROSE_SHARE_MIN) &&
    tally.templates.size >= messages * PROSE_DISTINCT_MIN;
  if (pageIsProse) tally.templates.clear();
  else tally.words.clear();
  tally.bytes = bytes;
  tally.cut = page.cut;
  tally.sources.merge({ name: page.source, format, records: tally.records, bytes });
  return tally.build();
}

function entriesOf({ format, text, columns }: Page): Iterable<Entry> {
  switch (format) {
    case "lines":
      return readLogLines(text);
    case "ndjson":
      return readJsonLines(text);
    case "csv":
      return readDelimited(text, ",", columns ?? []);
    case "tsv":
      return readDelimited(text, "\t", columns ?? []);
  }
}

/** Counts an entry: everything but its message. */
function countEntry(tally: Tally, { at, level, numbers, values }: Entry): void {
  const isError = level === "error" || level === "fatal";
  tally.records++;
  tally.addLevel(level, 1);
  if (at !== null) tally.timeline.add(at, 1, isError ? 1 : 0);
  for (const [name, value] of numbers) tally.fields.add(name, value);
  for (const [name, value] of values) tally.values.add(name, value);
}

/** Masks and clips messages; the first `CACHED_MESSAGES_MAX` of them only once. */
function cachedTemplates(): (message: string) => string {
  const cache = new Map<string, string>();
  return (message) => {
    const template = cache.get(message) ?? clipTemplate(mask(message));
    if (cache.size < CACHED_MESSAGES_MAX) cache.set(message, template);
    return template;
  };
}
