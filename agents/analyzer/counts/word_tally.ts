import { addCounts } from "../../add_counts.ts";
import { TALLY_WORDS_MAX, WORDS_BYTES_MAX, WORDS_MAX } from "../bounds.ts";
import { rankCounts } from "./order.ts";
import { takeWithin } from "./take_within.ts";

/** How often each keyword of a prose occurs. */
export class WordTally {
  readonly #counts = new Map<string, number>();

  /** Adds occurrences of a word; a new word over `TALLY_WORDS_MAX` is ignored. */
  add(word: string, count: number): void {
    const known = this.#counts.get(word);
    if (known === undefined && this.#counts.size >= TALLY_WORDS_MAX) return;
    this.#counts.set(word, addCounts(known ?? 0, count));
  }

  /** Forgets every word. */
  clear(): void {
    this.#counts.clear();
  }

  /** Returns the most frequent words first, within the bounds. */
  build(): [word: string, count: number][] {
    return takeWithin(rankCounts(this.#counts), WORDS_MAX, WORDS_BYTES_MAX);
  }
}
