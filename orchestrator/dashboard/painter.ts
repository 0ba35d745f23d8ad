/** Wraps text in the escape codes of a colour, or leaves it as it is. */
export interface Painter {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly red: (text: string) => string;
}

/** Returns a painter that uses colours if `colour` is true. */
export function painter(colour: boolean): Painter {
  const sgr = (code: number) => (text: string): string =>
    colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  return { bold: sgr(1), dim: sgr(2), green: sgr(32), yellow: sgr(33), red: sgr(31) };
}
