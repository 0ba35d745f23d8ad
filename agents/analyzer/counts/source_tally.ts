import { addCounts } from "../../add_counts.ts";
import type { Format, SourceCount } from "../../shapes.ts";
import { SOURCES_BYTES_MAX, SOURCES_MAX, SOURCES_REST } from "../bounds.ts";
import { compareText } from "./order.ts";
import { takeWithin } from "./take_within.ts";

/** Records and bytes of each source. */
export class SourceTally {
  readonly #sources = new Map<string, SourceCount>();

  /** Adds the counts of a source to those under its name and format. */
  merge(source: SourceCount): void {
    const key = `${source.format} ${source.name}`;
    const known = this.#sources.get(key);
    this.#sources.set(key, known === undefined ? { ...source } : sumOf(known, source));
  }

  /** Returns the sources by format and name; sources over the bounds are summed up by format. */
  build(): SourceCount[] {
    const sorted = [...this.#sources].sort(([a], [b]) => compareText(a, b))
      .map(([, source]) => source);
    const named = sorted.filter((source) => !isRest(source));
    const taken = takeWithin(named, SOURCES_MAX, SOURCES_BYTES_MAX);
    const restByFormat = new Map<Format, SourceCount>();
    for (const source of [...named.slice(taken.length), ...sorted.filter(isRest)]) {
      const rest = restByFormat.get(source.format);
      restByFormat.set(
        source.format,
        rest === undefined ? { ...source, name: SOURCES_REST } : sumOf(rest, source),
      );
    }
    const rest = [...restByFormat.values()].sort((a, b) => compareText(a.format, b.format));
    return [...taken, ...rest];
  }
}

function isRest({ name }: SourceCount): boolean {
  return name === SOURCES_REST;
}

function sumOf(a: SourceCount, b: SourceCount): SourceCount {
  return {
    name: a.name,
    format: a.format,
    records: addCounts(a.records, b.records),
    bytes: addCounts(a.bytes, b.bytes),
  };
}
