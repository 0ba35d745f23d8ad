/**
 * What a fuzzer has found, kept so that it can be done again.
 *
 * @module
 */

export interface Finding {
  readonly seed: number;
  readonly number: number;
  /** What was done; `null` where it was seen at the end of many. */
  readonly input: unknown;
  readonly told: readonly string[];
}

export interface Figures {
  readonly kind: string;
  readonly tried: number;
  readonly refused: number;
  readonly findings: readonly Finding[];
  readonly longestMs: number;
  /** Absent where it can't be measured. */
  readonly grownMib: number | undefined;
}

const SHOWN = 600;

/** Writes a finding to a file of its own; gives what people are to read. */
export async function keep(kind: string, finding: Finding): Promise<string> {
  const { seed, number, told } = finding;
  const path = await Deno.makeTempFile({ prefix: `baton-fuzz-${kind}-`, suffix: ".json" });
  await Deno.writeTextFile(path, JSON.stringify(finding, null, 1) + "\n");
  const again = `deno task fuzz --kind ${kind} --seed ${seed} --from ${number} --inputs 1`;
  const what = told.slice(0, 5).map((line) => `  ${line.slice(0, SHOWN)}\n`).join("");
  return `found: ${kind}, seed ${seed}, input ${number}, kept in ${path}\n${what}  again: ${again}\n`;
}

/** One line for whoever reads only that. */
export function figuresLine({ kind, tried, refused, findings, longestMs, grownMib }: Figures) {
  return `${kind}: ${tried} inputs, ${refused} refused, ${findings.length} findings, ` +
    `longest wait ${longestMs.toFixed(0)} ms` +
    (grownMib === undefined ? "" : `, grown by ${grownMib.toFixed(1)} MiB`);
}
