import { addCounts } from "../../add_counts.ts";
import type { Level, TemplateCount } from "../../shapes.ts";
import {
  EXAMPLE_CHARS_MAX,
  TALLY_TEMPLATES_MAX,
  TEMPLATES_BYTES_MAX,
  TEMPLATES_MAX,
} from "../bounds.ts";
import { clipText } from "../records/clip_text.ts";
import { moreSevere } from "../records/level.ts";
import { cluster } from "../templates/cluster.ts";
import { byCount } from "./order.ts";
import { joinTemplates, regroupTemplates } from "./regroup_templates.ts";
import { takeWithin } from "./take_within.ts";

/** Records by their template. */
export class TemplateTally {
  #templates = new Map<string, TemplateCount>();
  /** Records whose template is left out. */
  #dropped = 0;

  /** Number of different templates. */
  get size(): number {
    return this.#templates.size;
  }

  /** Counts one record under its template; the first record becomes the example. */
  add(text: string, level: Level, at: number | null, raw: string): void {
    const known = this.#templates.get(text);
    if (known === undefined) {
      const example = clipText(raw, EXAMPLE_CHARS_MAX);
      this.merge({ text, level, count: 1, first_at: at, last_at: at, example });
      return;
    }
    // In place, because every record of a page comes through here.
    known.count++;
    if (known.level !== level) known.level = moreSevere(known.level, level);
    if (at === null) return;
    known.first_at = known.first_at === null ? at : Math.min(known.first_at, at);
    known.last_at = known.last_at === null ? at : Math.max(known.last_at, at);
  }

  /** Adds the counts of a template; those of a new one over `TALLY_TEMPLATES_MAX` are dropped. */
  merge(template: TemplateCount): void {
    const known = this.#templates.get(template.text);
    if (known !== undefined) this.#templates.set(template.text, joinTemplates(known, template));
    else if (this.#templates.size < TALLY_TEMPLATES_MAX) {
      this.#templates.set(template.text, { ...template });
    } else this.drop(template.count);
  }

  /** Counts records whose template was dropped already. */
  drop(records: number): void {
    this.#dropped = addCounts(this.#dropped, records);
  }

  /** Forgets all templates, and that any were dropped. */
  clear(): void {
    this.#templates.clear();
    this.#dropped = 0;
  }

  /** Returns the most frequent templates, clustered if there are too many, and what is left out. */
  build(): { templates: TemplateCount[]; dropped: number } {
    if (this.#templates.size > TEMPLATES_MAX) {
      this.#templates = regroupTemplates(this.#templates.values(), cluster(this.#templates.keys()));
    }
    const sorted = byCount(this.#templates.values(), ({ text }) => text);
    const templates = takeWithin(sorted, TEMPLATES_MAX, TEMPLATES_BYTES_MAX);
    const dropped = sorted.slice(templates.length)
      .reduce((sum, { count }) => addCounts(sum, count), this.#dropped);
    return { templates, dropped };
  }
}
