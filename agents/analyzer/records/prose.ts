/**
 * Prose: tells it from log messages, and finds the words that say what it is about.
 *
 * @module
 */
import type { Entry } from "./entry.ts";
import { WORD_CHARS_MAX } from "../bounds.ts";

/** Prose has at least this many plain words, and at least this share of all words is plain. */
const PLAIN_WORDS_MIN = 4;
const PLAIN_SHARE_MIN = 0.8;
/** Letters of a keyword. */
const LETTERS_MIN = 3;

const PLAIN = /^["'(“‘]?\p{L}[\p{L}'’-]*["')”’]?[.,;:!?]*["')”’]?$/u;
const NO_LETTER = /[^\p{L}'’-]+/u;

/** The most frequent words of English and German, which say nothing of the subject. */
const STOP_WORDS = new Set(
  ("the and for are but not you all any can had her was one our out day get has him his how its " +
    "may new now old see two who did she use way will with this that from they have been were " +
    "said each which their there what when your than then them these some would other into more " +
    "could about very just also over only such because while where after before here those does " +
    "der die das und ist den von mit sich des auf für nicht ein eine als auch dem werden aus hat " +
    "dass sie nach wird bei einer einem einen noch wie war aber wenn nur oder")
    .split(" "),
);

/** Whether a record reads like a sentence; a record with a time or a level never does. */
export function isProse({ at, level, message }: Entry): boolean {
  if (at !== null || level !== "none" || message === null) return false;
  const words = message.trim().split(/\s+/);
  const plain = words.reduce((count, word) => count + (PLAIN.test(word) ? 1 : 0), 0);
  return plain >= PLAIN_WORDS_MIN && plain >= words.length * PLAIN_SHARE_MIN;
}

/** Returns the words of a text in lower case, without short words and stop words. */
export function keywordsOf(text: string): string[] {
  return text.toLowerCase().split(NO_LETTER).filter((word) =>
    word.length >= LETTERS_MIN && word.length <= WORD_CHARS_MAX && !STOP_WORDS.has(word)
  );
}
