/**
 * `deno task fuzz --kind K --seconds S --seed N`: hostile input, made from a seed, for the real roles
 * and the real memory. Prints what it found and the command that repeats it.
 *
 * @module
 */
import { ExitError } from "../lib/exit.ts";
import { printableLines } from "../lib/printable.ts";
import { runProgram, stderr, stdout } from "../lib/process/program.ts";
import { integer, parseSettings, settingsHelp, text } from "../lib/process/settings.ts";
import { type Figures, figuresLine, saveFinding } from "./fuzz/finding.ts";
import { fuzzJournals } from "./fuzz/fuzz_journals.ts";
import { type FuzzOptions, fuzzSessions } from "./fuzz/fuzz_sessions.ts";

/** Later findings of a run mostly repeat the first ones. */
const FINDINGS_SHOWN = 10;

const KINDS: Readonly<Record<string, (options: FuzzOptions) => Promise<Figures>>> = {
  lines: (options) => fuzzSessions("lines", options),
  bytes: (options) => fuzzSessions("bytes", options),
  journals: fuzzJournals,
};

const SETTINGS = {
  kind: { value: "KIND", fallback: "all", help: "lines, bytes, journals or all", read: text },
  seconds: { value: "S", fallback: 60, help: "How long, for each", read: integer(1, 1_000_000) },
  seed: {
    value: "N",
    fallback: Date.now() % 1e9,
    help: "Repeats a run",
    read: integer(0, 2 ** 31),
  },
  from: { value: "N", fallback: 0, help: "The first input", read: integer(0, 2 ** 31) },
  inputs: {
    value: "N",
    fallback: 2 ** 31,
    help: "How many inputs at most",
    read: integer(1, 2 ** 31),
  },
};

await runProgram("fuzz", async () => {
  const { values: { kind, ...options }, help } = parseSettings(SETTINGS, Deno.args);
  if (help) {
    stdout.write(settingsHelp(SETTINGS) + "\n");
    return 0;
  }
  const chosen = kind === "all" ? Object.keys(KINDS) : [kind];
  if (!chosen.every((kind) => Object.hasOwn(KINDS, kind))) {
    throw new ExitError("usage", `Cannot fuzz "${kind}": choose lines, bytes, journals or all`);
  }
  let found = 0;
  for (const kind of chosen) {
    stderr.write(`${kind}: seed ${options.seed}, ${options.seconds} s\n`);
    const figures = await KINDS[kind](options);
    for (const finding of figures.findings.slice(0, FINDINGS_SHOWN)) {
      stderr.write(printableLines(await saveFinding(kind, finding)));
    }
    found += figures.findings.length;
    stdout.write(`figures: fuzz ${figuresLine(figures)}, seed ${options.seed}\n`);
  }
  return found === 0 ? 0 : 1;
});
