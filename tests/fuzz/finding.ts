/**
 * What a fuzzer reports.
 *
 * @module
 */

/** An input that broke a rule. The seed and the number make the same input again. */
export interface Finding {
  readonly seed: number;
  readonly number: number;
  /** The input itself; `null` if the problem showed only after many inputs. */
  readonly input: unknown;
  /** The rules that were broken, a line each. */
  readonly problems: readonly string[];
}

/** The outcome of a run. */
export interface Figures {
  readonly kind: string;
  readonly tried: number;
  readonly refused: number;
  readonly findings: readonly Finding[];
  /** The longest time that anything took, in milliseconds. */
  readonly longestMs: number;
  /** By how much memory grew, in MiB; absent if it cannot be measured. */
  readonly grownMib: number | undefined;
}

const LINE_CHARS_MAX = 600;

/** Writes a finding to a new file; returns a text for people that names the file. */
export async function saveFinding(kind: string, finding: Finding): Promise<string> {
  const { seed, number, problems } = finding;
  const path = await Deno.makeTempFile({ prefix: `baton-fuzz-${kind}-`, suffix: ".json" });
  await Deno.writeTextFile(path, JSON.stringify(finding, null, 1) + "\n");
  const again = `deno task fuzz --kind ${kind} --seed ${seed} --from ${number} --inputs 1`;
  const what = problems.slice(0, 5).map((line) => `  ${line.slice(0, LINE_CHARS_MAX)}\n`).join("");
  return `found: ${kind}, seed ${seed}, input ${number}, saved in ${path}\n${what}  again: ${again}\n`;
}

/** Returns the outcome in one line. */
export function figuresLine({ kind, tried, refused, findings, longestMs, grownMib }: Figures) {
  return `${kind}: ${tried} inputs, ${refused} refused, ${findings.length} findings, ` +
    `longest wait ${longestMs.toFixed(0)} ms` +
    (grownMib === undefined ? "" : `, grown by ${grownMib.toFixed(1)} MiB`);
}
