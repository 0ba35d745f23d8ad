import { unicodeWidth } from "@std/cli/unicode-width";

// deno-lint-ignore no-control-regex -- the escape codes that are looked for
const PARTS = /\x1b\[(\d+)A|(\x1b\[0J)|(\x1b\[\d+m)|\x1b\[\?7([lh])|./gsu;

/**
 * A terminal that knows no more than what the dashboard uses: it wraps or does not, it scrolls, it
 * goes up. Its emoji are wider than the dashboard takes them for.
 */
export class FakeTerminal {
  /** All lines there ever were; the last `rows` of them can be reached. */
  readonly lines: string[] = [""];
  #row = 0;
  #wraps = true;
  readonly #columns: number;
  readonly #rows: number;

  constructor(columns: number, rows: number) {
    this.#columns = columns;
    this.#rows = rows;
  }

  /** What is shown now and above it, without the empty line that the cursor is in. */
  get text(): string[] {
    return this.lines.slice(0, -1);
  }

  readonly write = (bytes: Uint8Array): Promise<number> => {
    const text = new TextDecoder().decode(bytes);
    for (const [part, up, erase, sgr, wrap] of text.matchAll(PARTS)) {
      if (up !== undefined) this.#up(Number(up));
      else if (erase !== undefined) this.lines.length = this.#row + 1;
      else if (wrap !== undefined) this.#wraps = wrap === "h";
      else if (part === "\n") this.#newLine();
      else if (sgr === undefined) this.#put(part);
    }
    return Promise.resolve(bytes.length);
  };

  #up(count: number): void {
    const first = Math.max(0, this.lines.length - this.#rows);
    this.#row = Math.max(first, this.#row - count);
    this.lines[this.#row] = ""; // whoever goes up erases from there
  }

  #put(char: string): void {
    if (/\p{Cc}/u.test(char)) throw new Error(`A control character: ${JSON.stringify(char)}`);
    if (widthOf(this.lines[this.#row] + char) > this.#columns) {
      if (!this.#wraps) return;
      this.#newLine();
    }
    this.lines[this.#row] += char;
  }

  #newLine(): void {
    if (++this.#row === this.lines.length) this.lines.push("");
  }
}

function widthOf(text: string): number {
  const emoji = text.match(/\p{Emoji_Presentation}/gu) ?? [];
  return emoji.reduce((width, char) => width + 2 - unicodeWidth(char), unicodeWidth(text));
}
