/**
 * One page to its partial result.
 *
 * @module
 */
import type { Page, Partial } from "../shapes.ts";
import { readDelimited } from "./records/delimited.ts";
import type { Entry } from "./records/entry.ts";
import { readJsonLines } from "./records/json_lines.ts";
import { PAGE_WORDS_MAX } from "./bounds.ts";
import { readLogLines } from "./records/log_lines.ts";
import { mask } from "./templates/mask.ts";
import { SequenceDetector } from "./counts/sequence_detector.ts";
import { Tally } from "./counts/tally.ts";
import { clipTemplate } from "./templates/text.ts";
import { isProse, keywordsOf } from "./records/prose.ts";

/** Messages of a page whose templates are remembered: short ones come by the hundred thousand. */
const MESSAGES_KNOWN_MAX = 1024;
/** A page is prose when this share of its records reads like sentences and hardly any repeats. */
const PROSE_SHARE_MIN = 0.6;
const PROSE_DISTINCT_MIN = 0.5;

/** Finds what a page says. Depends on nothing but the page. */
export function analyze(page: Page): Partial {
  const tally = new Tally(page.stream);
  const sequences = new SequenceDetector();
  const known = new Map<string, string>();
  let prose = 0;
  let messages = 0;
  for (const entry of entriesOf(page)) {
    tally.records++;
    tally.addLevel(entry.level, 1);
    const error = entry.level === "error" || entry.level === "fatal";
    if (entry.at !== null) tally.timeline.add(entry.at, 1, error ? 1 : 0);
    if (entry.message !== null) {
      messages++;
      const template = known.get(entry.message) ?? clipTemplate(mask(entry.message));
      if (known.size < MESSAGES_KNOWN_MAX) known.set(entry.message, template);
      tally.countTemplate(template, entry.level, entry.at, entry.raw);
    }
    for (const [name, value] of entry.numbers) {
      tally.addNumber(name, value);
      sequences.add(name, value);
    }
    for (const [name, value] of entry.words) tally.addValue(name, value, 1);
    if (page.format === "lines" && isProse(entry)) {
      prose++;
      addWords(tally.words, keywordsOf(entry.message ?? ""));
    }
  }
  for (const name of sequences.names()) tally.removeNumbers(name);
  if (
    prose >= Math.max(1, messages * PROSE_SHARE_MIN) &&
    tally.templates >= messages * PROSE_DISTINCT_MIN
  ) {
    tally.clearTemplates();
  } else {
    tally.words.clear();
  }
  tally.bytes = page.bytes;
  tally.cut = page.cut;
  const { source: name, format, bytes } = page;
  tally.addSource({ name, format, records: tally.records, bytes });
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

function addWords(counts: Map<string, number>, words: string[]): void {
  for (const word of words) {
    const known = counts.get(word);
    if (known !== undefined || counts.size < PAGE_WORDS_MAX) counts.set(word, (known ?? 0) + 1);
  }
}
