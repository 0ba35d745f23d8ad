import { unicodeWidth } from "@std/cli/unicode-width";

// deno-lint-ignore no-control-regex -- these are the escape codes to look for
const PARTS = /\x1b\[(\d+)A|(\x1b\[0J)|(\x1b\[\d+m)|\x1b\[\?7([lh])|./gsu;

/**
 * A terminal that obeys the escape codes of the dashboard and rejects all others. It draws emoji
 * wider than the dashboard expects, as some terminals do.
 */
export class FakeTerminal {
  /** All lines since the start; the cursor can reach the last `rows` alone. */
  readonly lines: string[] = [""];
  #row = 0;
  #wraps = true;
  readonly #columns: number;
  readonly #rows: number;

  constructor(columns: number, rows: number) {
    this.#columns = columns;
    this.#rows = rows;
  }

  /** All lines but the empty one that the cursor is in. */
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
    this.lines[this.#row] = ""; // the dashboard goes up only to erase
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
