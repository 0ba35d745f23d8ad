import { addCounts } from "../../add_counts.ts";
import type { Partial } from "../../shapes.ts";
import {
  FIELDS_BYTES_MAX,
  FIELDS_MAX,
  MAGNITUDE_MAX,
  NAME_CHARS_MAX,
  TALLY_NAMES_MAX,
} from "../bounds.ts";
import { clipText } from "../records/clip_text.ts";
import { byCount } from "./order.ts";
import { SketchBuilder } from "./sketch.ts";
import { takeWithin } from "./take_within.ts";

interface FieldCounts {
  count: number;
  min: number;
  max: number;
  sum: number;
  readonly sketch: SketchBuilder;
}

/** Numbers by the name of their field: count, range, sum and a sketch of their quantiles. */
export class FieldTally {
  readonly #fields = new Map<string, FieldCounts>();

  /**
   * Adds one number; one beyond `MAGNITUDE_MAX` is ignored, as is a name over `TALLY_NAMES_MAX`.
   */
  add(name: string, value: number): void {
    if (!(Math.abs(value) <= MAGNITUDE_MAX)) return;
    const field = this.#field(name);
    if (field === undefined) return;
    field.count++;
    field.min = Math.min(field.min, value);
    field.max = Math.max(field.max, value);
    field.sum += value;
    field.sketch.add(value);
  }

  /** Adds what another tally has built of a field. */
  merge({ name, count, min, max, sum, sketch }: Partial["fields"][number]): void {
    const field = this.#field(name);
    if (field === undefined) return;
    field.count = addCounts(field.count, count);
    field.min = Math.min(field.min, min);
    field.max = Math.max(field.max, max);
    field.sum += sum;
    field.sketch.merge(sketch);
  }

  /** Removes a field that turned out to be no measurement. */
  remove(name: string): void {
    this.#fields.delete(name);
  }

  /** Returns the fields with the most numbers first, within the bounds. */
  build(): Partial["fields"] {
    const counts = [...this.#fields].map(([name, counts]) => ({ name, ...counts }));
    const ranked = byCount(counts, ({ name }) => name);
    // Sketches are built one by one, because most fields may be beyond the bounds.
    const fields = ranked.values().map((field) => ({ ...field, sketch: field.sketch.build() }));
    return takeWithin(fields, FIELDS_MAX, FIELDS_BYTES_MAX);
  }

  #field(name: string): FieldCounts | undefined {
    const key = clipText(name, NAME_CHARS_MAX);
    let field = this.#fields.get(key);
    if (field === undefined && this.#fields.size < TALLY_NAMES_MAX) {
      field = { count: 0, min: Infinity, max: -Infinity, sum: 0, sketch: new SketchBuilder() };
      this.#fields.set(key, field);
    }
    return field;
  }
}
