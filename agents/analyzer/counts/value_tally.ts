import { addCounts } from "../../add_counts.ts";
import type { Partial } from "../../shapes.ts";
import {
  NAME_CHARS_MAX,
  NAMES_MAX,
  TALLY_NAMES_MAX,
  TALLY_VALUES_MAX,
  VALUE_CHARS_MAX,
  VALUES_BYTES_MAX,
  VALUES_PER_NAME_MAX,
} from "../bounds.ts";
import { clipText } from "../records/clip_text.ts";
import { byCount, rankCounts } from "./order.ts";
import { takeWithin } from "./take_within.ts";

/** With at least this many values, of which this share is distinct, a name is an identifier. */
const IDENTIFIER_COUNT_MIN = 40;
const IDENTIFIER_DISTINCT_SHARE = 0.8;

interface ValueCounts {
  count: number;
  /** Whether values were left out of `counts`. */
  more: boolean;
  readonly counts: Map<string, number>;
}

/** How often each value occurs, by the name of its field. */
export class ValueTally {
  readonly #names = new Map<string, ValueCounts>();

  /** Counts one value; a name over `TALLY_NAMES_MAX` is ignored. */
  add(name: string, value: string): void {
    const values = this.#valuesOf(name);
    if (values === undefined) return;
    values.count++;
    addTo(values, value, 1);
  }

  /** Adds what another tally has built of a name. */
  merge({ name, count, top, more }: Partial["values"][number]): void {
    const values = this.#valuesOf(name);
    if (values === undefined) return;
    values.count = addCounts(values.count, count);
    values.more ||= more;
    for (const [value, times] of top) addTo(values, value, times);
  }

  /**
   * Returns the names with the most values first, within the bounds; identifiers without a `top`.
   */
  build(): Partial["values"] {
    const names = [...this.#names].map(([name, { count, more, counts }]) => {
      const isIdentifier = count >= IDENTIFIER_COUNT_MIN &&
        counts.size > count * IDENTIFIER_DISTINCT_SHARE;
      const top = isIdentifier ? [] : rankCounts(counts).slice(0, VALUES_PER_NAME_MAX);
      return { name, count, top, more: more || top.length < counts.size };
    });
    return takeWithin(byCount(names, ({ name }) => name), NAMES_MAX, VALUES_BYTES_MAX);
  }

  #valuesOf(name: string): ValueCounts | undefined {
    const key = clipText(name, NAME_CHARS_MAX);
    let values = this.#names.get(key);
    if (values === undefined && this.#names.size < TALLY_NAMES_MAX) {
      values = { count: 0, more: false, counts: new Map() };
      this.#names.set(key, values);
    }
    return values;
  }
}

function addTo(values: ValueCounts, value: string, count: number): void {
  const key = clipText(value, VALUE_CHARS_MAX);
  const known = values.counts.get(key);
  if (known !== undefined) values.counts.set(key, addCounts(known, count));
  else if (values.counts.size < TALLY_VALUES_MAX) values.counts.set(key, count);
  else values.more = true;
}
