/**
 * The counts of a stream: they grow by records or by partial results, and become a `Partial` within
 * the bounds of `bounds.ts`. `Tally` has one part for each list of a `Partial`, in files such as
 * `source_tally.ts`. All have the same verbs: `add` takes one observation, `merge` takes what
 * another tally has built, `build` returns the bounded result.
 *
 * Counts add up to the same result in any order until a bound is reached. From then on the most
 * frequent items stay; between equal counts the name decides.
 *
 * @module
 */
import { addCounts } from "../../add_counts.ts";
import { type Level, LEVELS, type Partial } from "../../shapes.ts";
import { FieldTally } from "./field_tally.ts";
import { SourceTally } from "./source_tally.ts";
import { TemplateTally } from "./template_tally.ts";
import { TimelineBuilder } from "./timeline.ts";
import { ValueTally } from "./value_tally.ts";
import { WordTally } from "./word_tally.ts";

/** All counts of one stream. */
export class Tally {
  records = 0;
  bytes = 0;
  /** Records that had lost their end before they were read. */
  cut = 0;
  readonly sources = new SourceTally();
  readonly timeline = new TimelineBuilder();
  readonly templates = new TemplateTally();
  readonly fields = new FieldTally();
  readonly values = new ValueTally();
  readonly words = new WordTally();
  readonly #stream: string;
  readonly #levels = new Map<Level, number>();

  constructor(stream: string) {
    this.#stream = stream;
  }

  /** Counts records of a level. */
  addLevel(level: Level, count: number): void {
    this.#levels.set(level, addCounts(this.#levels.get(level) ?? 0, count));
  }

  /** Adds the counts of a partial result, whatever its stream. */
  merge(partial: Partial): void {
    this.records = addCounts(this.records, partial.records);
    this.bytes = addCounts(this.bytes, partial.bytes);
    this.cut = addCounts(this.cut, partial.cut);
    for (const source of partial.sources) this.sources.merge(source);
    for (const level of LEVELS) {
      const count = partial.levels[level];
      if (count !== undefined) this.addLevel(level, count);
    }
    if (partial.timeline !== null) this.timeline.merge(partial.timeline);
    for (const template of partial.templates) this.templates.merge(template);
    this.templates.drop(partial.templates_dropped);
    for (const field of partial.fields) this.fields.merge(field);
    for (const values of partial.values) this.values.merge(values);
    for (const [word, count] of partial.words) this.words.add(word, count);
  }

  /**
   * Returns the counts as they cross to the next request: less than `PARTIAL_BYTES_MAX` as JSON.
   */
  build(): Partial {
    const { templates, dropped } = this.templates.build();
    return {
      stream: this.#stream,
      sources: this.sources.build(),
      records: this.records,
      bytes: this.bytes,
      cut: this.cut,
      levels: Object.fromEntries(
        LEVELS.filter((level) => this.#levels.has(level))
          .map((level) => [level, this.#levels.get(level)!]),
      ),
      timeline: this.timeline.build(),
      templates,
      templates_dropped: dropped,
      fields: this.fields.build(),
      values: this.values.build(),
      words: this.words.build(),
    };
  }
}
