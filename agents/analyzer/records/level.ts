/**
 * Severities by the words and numbers that stand for them.
 *
 * @module
 */
import { type Level, LEVELS } from "../../shapes.ts";

const WORDS = new Map<string, Level>([
  ["fatal", "fatal"],
  ["emerg", "fatal"],
  ["emergency", "fatal"],
  ["panic", "fatal"],
  ["alert", "fatal"],
  ["crit", "fatal"],
  ["critical", "fatal"],
  ["error", "error"],
  ["err", "error"],
  ["severe", "error"],
  ["failure", "error"],
  ["warning", "warn"],
  ["warn", "warn"],
  ["wrn", "warn"],
  ["info", "info"],
  ["inf", "info"],
  ["information", "info"],
  ["informational", "info"],
  ["notice", "info"],
  ["debug", "debug"],
  ["dbg", "debug"],
  ["fine", "debug"],
  ["trace", "trace"],
  ["verbose", "trace"],
  ["finer", "trace"],
  ["finest", "trace"],
]);

const LETTERS = new Map<string, Level>([
  ["F", "fatal"],
  ["E", "error"],
  ["W", "warn"],
  ["I", "info"],
  ["D", "debug"],
  ["V", "trace"],
  ["T", "trace"],
]);

/** Severities of syslog (RFC 5424, table 2) by their number. */
const SYSLOG: Level[] = ["fatal", "fatal", "fatal", "error", "warn", "info", "info", "debug"];

/** Length of the longest word above: longer words need not be lower-cased. */
const WORD_CHARS_MAX = 13;

/** Returns the level that a word names, in any case; undefined for other words. */
export function levelOf(word: string): Level | undefined {
  return word.length > WORD_CHARS_MAX ? undefined : WORDS.get(word.toLowerCase());
}

/** Returns the level that a capital letter stands for in logcat and glog. */
export function levelOfLetter(letter: string): Level | undefined {
  return LETTERS.get(letter);
}

/** Returns the level of a number: 10 to 69 as in pino and bunyan, 0 to 7 as in syslog. */
export function levelOfNumber(value: number): Level | undefined {
  if (value >= 0 && value < SYSLOG.length) return SYSLOG[Math.floor(value)];
  if (value < 10 || value > 69) return undefined;
  return (["trace", "debug", "info", "warn", "error", "fatal"] as const)[
    Math.floor(value / 10) - 1
  ];
}

/** Returns the more severe of two levels. */
export function moreSevere(a: Level, b: Level): Level {
  return LEVELS.indexOf(a) <= LEVELS.indexOf(b) ? a : b;
}
