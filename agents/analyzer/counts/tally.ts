/**
 * Counts while they grow, from records or from partial results, and the bounded `Partial` that they
 * become. Everything that is counted adds up the same in any order until a bound is reached; then
 * the most frequent is kept, with ties broken by name.
 *
 * @module
 */
import { addCounts } from "../../add_counts.ts";
import type { Format, Level, Partial, SourceCount, TemplateCount } from "../../shapes.ts";
import { LEVELS } from "../../shapes.ts";
import { cluster } from "../templates/cluster.ts";
import { moreSevere } from "../records/level.ts";
import * as limits from "../bounds.ts";
import { SketchBuilder } from "./sketch.ts";
import { byText, clip, takeWithin } from "../templates/text.ts";
import { TimelineBuilder } from "./timeline.ts";

interface FieldTally {
  count: number;
  min: number;
  max: number;
  sum: number;
  readonly sketch: SketchBuilder;
}

interface ValueTally {
  count: number;
  more: boolean;
  readonly counts: Map<string, number>;
}

/** From so many values on, a name whose values hardly repeat is an identifier. */
const IDENTIFIER_COUNT_MIN = 40;
const IDENTIFIER_DISTINCT_SHARE = 0.8;

export class Tally {
  records = 0;
  bytes = 0;
  cut = 0;
  readonly timeline = new TimelineBuilder();
  readonly words = new Map<string, number>();
  readonly #stream: string;
  readonly #sources = new Map<string, SourceCount>();
  readonly #levels = new Map<Level, number>();
  #templates = new Map<string, TemplateCount>();
  #templatesDropped = 0;
  readonly #fields = new Map<string, FieldTally>();
  readonly #values = new Map<string, ValueTally>();

  constructor(stream: string) {
    this.#stream = stream;
  }

  /** How many different templates there are. */
  get templates(): number {
    return this.#templates.size;
  }

  addSource({ name, format, records, bytes }: SourceCount): void {
    const key = `${format} ${name}`;
    const known = this.#sources.get(key);
    this.#sources.set(key, {
      name,
      format,
      records: addCounts(records, known?.records ?? 0),
      bytes: addCounts(bytes, known?.bytes ?? 0),
    });
  }

  addLevel(level: Level, count: number): void {
    this.#levels.set(level, addCounts(this.#levels.get(level) ?? 0, count));
  }

  /** Counts one record under its template; the first one is the example. */
  countTemplate(text: string, level: Level, at: number | null, raw: string): void {
    const known = this.#templates.get(text);
    if (known === undefined) {
      const example = clip(raw, limits.EXAMPLE_CHARS_MAX);
      this.addTemplate({ text, level, count: 1, first_at: at, last_at: at, example });
      return;
    }
    // In place, because this is done for every record of a page.
    known.count++;
    if (known.level !== level) known.level = moreSevere(known.level, level);
    if (at === null) return;
    known.first_at = known.first_at === null ? at : Math.min(known.first_at, at);
    known.last_at = known.last_at === null ? at : Math.max(known.last_at, at);
  }

  addTemplate(template: TemplateCount): void {
    const known = this.#templates.get(template.text);
    if (known !== undefined) this.#templates.set(template.text, joinTemplates(known, template));
    else if (this.#templates.size < limits.PAGE_TEMPLATES_MAX) {
      this.#templates.set(template.text, { ...template });
    } else this.#templatesDropped = addCounts(this.#templatesDropped, template.count);
  }

  /** Prose has no templates. */
  clearTemplates(): void {
    this.#templates.clear();
    this.#templatesDropped = 0;
  }

  addNumber(name: string, value: number): void {
    if (!(Math.abs(value) <= limits.MAGNITUDE_MAX)) return;
    const field = this.#field(name);
    if (field === undefined) return;
    field.count++;
    field.min = Math.min(field.min, value);
    field.max = Math.max(field.max, value);
    field.sum += value;
    field.sketch.add(value);
  }

  removeNumbers(name: string): void {
    this.#fields.delete(name);
  }

  addValue(name: string, value: string, count: number): void {
    const values = this.#valuesOf(name);
    if (values === undefined) return;
    values.count += count;
    addTo(values, value, count);
  }

  /** Adds a partial result, except what only its stream's name says. */
  add(partial: Partial): void {
    this.records = addCounts(this.records, partial.records);
    this.bytes = addCounts(this.bytes, partial.bytes);
    this.cut = addCounts(this.cut, partial.cut);
    this.#templatesDropped = addCounts(this.#templatesDropped, partial.templates_dropped);
    for (const source of partial.sources) this.addSource(source);
    for (const level of LEVELS) {
      const count = partial.levels[level];
      if (count !== undefined) this.addLevel(level, count);
    }
    if (partial.timeline !== null) this.timeline.merge(partial.timeline);
    for (const template of partial.templates) this.addTemplate(template);
    for (const { name, count, min, max, sum, sketch } of partial.fields) {
      const field = this.#field(name);
      if (field === undefined) continue;
      field.count = addCounts(field.count, count);
      field.min = Math.min(field.min, min);
      field.max = Math.max(field.max, max);
      field.sum += sum;
      field.sketch.merge(sketch);
    }
    for (const { name, count, top, more } of partial.values) {
      const values = this.#valuesOf(name);
      if (values === undefined) continue;
      values.count = addCounts(values.count, count);
      values.more ||= more;
      for (const [value, times] of top) addTo(values, value, times);
    }
    for (const [word, count] of partial.words) {
      this.words.set(word, addCounts(this.words.get(word) ?? 0, count));
    }
  }

  /** The counts as they cross to the next agent, below `PARTIAL_BYTES` as JSON. */
  build(): Partial {
    const { kept, dropped } = this.#boundedTemplates();
    return {
      stream: this.#stream,
      sources: this.#boundedSources(),
      records: this.records,
      bytes: this.bytes,
      cut: this.cut,
      levels: Object.fromEntries(
        LEVELS.filter((level) => this.#levels.has(level))
          .map((level) => [level, this.#levels.get(level)!]),
      ),
      timeline: this.timeline.build(),
      templates: kept,
      templates_dropped: addCounts(this.#templatesDropped, dropped),
      fields: this.#boundedFields(),
      values: this.#boundedValues(),
      words: takeWithin(ranked(this.words), limits.WORDS_MAX, limits.WORDS_BYTES),
    };
  }

  #field(name: string): FieldTally | undefined {
    const key = clip(name, limits.NAME_CHARS_MAX);
    let field = this.#fields.get(key);
    if (field === undefined && this.#fields.size < limits.PAGE_NAMES_MAX) {
      field = { count: 0, min: Infinity, max: -Infinity, sum: 0, sketch: new SketchBuilder() };
      this.#fields.set(key, field);
    }
    return field;
  }

  #valuesOf(name: string): ValueTally | undefined {
    const key = clip(name, limits.NAME_CHARS_MAX);
    let values = this.#values.get(key);
    if (values === undefined && this.#values.size < limits.PAGE_NAMES_MAX) {
      values = { count: 0, more: false, counts: new Map() };
      this.#values.set(key, values);
    }
    return values;
  }

  #boundedTemplates(): { kept: TemplateCount[]; dropped: number } {
    if (this.#templates.size > limits.TEMPLATES_MAX) {
      this.#templates = regroup(this.#templates.values(), cluster(this.#templates.keys()));
    }
    const sorted = byCount([...this.#templates.values()], ({ text }) => text);
    const kept = takeWithin(sorted, limits.TEMPLATES_MAX, limits.TEMPLATES_BYTES);
    const left = sorted.slice(kept.length);
    return { kept, dropped: left.reduce((sum, { count }) => addCounts(sum, count), 0) };
  }

  #boundedFields(): Partial["fields"] {
    const fields = [...this.#fields].map(([name, { count, min, max, sum, sketch }]) => ({
      name,
      count,
      min,
      max,
      sum,
      sketch: sketch.build(),
    }));
    return takeWithin(byCount(fields, ({ name }) => name), limits.FIELDS_MAX, limits.FIELDS_BYTES);
  }

  #boundedValues(): Partial["values"] {
    const values = [...this.#values].map(([name, { count, more, counts }]) => {
      const identifier = count >= IDENTIFIER_COUNT_MIN &&
        counts.size > count * IDENTIFIER_DISTINCT_SHARE;
      const top = identifier ? [] : ranked(counts).slice(0, limits.VALUES_PER_NAME_MAX);
      return { name, count, top, more: more || top.length < counts.size };
    });
    return takeWithin(byCount(values, ({ name }) => name), limits.NAMES_MAX, limits.VALUES_BYTES);
  }

  #boundedSources(): SourceCount[] {
    const sorted = [...this.#sources].sort(([a], [b]) => byText(a, b)).map(([, source]) => source);
    const own = sorted.filter(({ name }) => name !== limits.SOURCES_REST);
    const kept = takeWithin(own, limits.SOURCES_MAX, limits.SOURCES_BYTES);
    const rest = new Map<Format, SourceCount>();
    const over = [...own.slice(kept.length), ...sorted.filter((source) => !own.includes(source))];
    for (const { format, records, bytes } of over) {
      const known = rest.get(format) ?? { name: limits.SOURCES_REST, format, records: 0, bytes: 0 };
      rest.set(format, {
        ...known,
        records: addCounts(known.records, records),
        bytes: addCounts(known.bytes, bytes),
      });
    }
    return [...kept, ...[...rest.values()].sort((a, b) => byText(a.format, b.format))];
  }
}

/** Counts templates again under the texts that `renamed` gives them. */
export function regroup(
  templates: Iterable<TemplateCount>,
  renamed: ReadonlyMap<string, string>,
): Map<string, TemplateCount> {
  const grouped = new Map<string, TemplateCount>();
  for (const template of templates) {
    const text = renamed.get(template.text) ?? template.text;
    const known = grouped.get(text);
    const own = { ...template, text };
    grouped.set(text, known === undefined ? own : joinTemplates(known, own));
  }
  return grouped;
}

/** Items by falling count, then by name. */
export function byCount<T extends { count: number }>(items: T[], name: (item: T) => string): T[] {
  return items.sort((a, b) => b.count - a.count || byText(name(a), name(b)));
}

function joinTemplates(a: TemplateCount, b: TemplateCount): TemplateCount {
  return {
    text: a.text,
    level: moreSevere(a.level, b.level),
    count: addCounts(a.count, b.count),
    first_at: a.first_at === null || b.first_at === null
      ? a.first_at ?? b.first_at
      : Math.min(a.first_at, b.first_at),
    last_at: a.last_at === null || b.last_at === null
      ? a.last_at ?? b.last_at
      : Math.max(a.last_at, b.last_at),
    // Any rule would do that gives the same for both orders.
    example: byText(a.example, b.example) <= 0 ? a.example : b.example,
  };
}

function addTo(values: ValueTally, value: string, count: number): void {
  const key = clip(value, limits.VALUE_CHARS_MAX);
  const known = values.counts.get(key);
  if (known !== undefined) values.counts.set(key, addCounts(known, count));
  else if (values.counts.size < limits.PAGE_VALUES_MAX) values.counts.set(key, count);
  else values.more = true;
}

function ranked(counts: Map<string, number>): [string, number][] {
  return [...counts].sort(([a, m], [b, n]) => n - m || byText(a, b));
}
