import { unicodeWidth } from "@std/cli/unicode-width";

/** A table's column. */
export interface Column {
  readonly title: string;
  /** Aligned to the right, as numbers are. */
  readonly right?: true;
  /** Not padded to the width of the column; only the last column can be. */
  readonly ragged?: true;
}

/** The dashes under a title: GitHub wants three. */
const WIDTH_MIN = 3;

/** Lays out a table that reads as a table without a renderer too; cells must be escaped already. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, i) =>
    Math.max(WIDTH_MIN, ...[title, ...rows.map((row) => row[i])].map(unicodeWidth))
  );
  const line = (cells: readonly string[]) =>
    "| " + cells.map((cell, i) => pad(cell, widths[i], columns[i])).join(" | ") + " |";
  const rule = columns.map(({ right, ragged }, i) => {
    const dashes = "-".repeat((ragged ? WIDTH_MIN : widths[i]) - (right ? 1 : 0));
    return right ? dashes + ":" : dashes;
  });
  const titles = columns.map(({ title }) => title);
  return [line(titles), `| ${rule.join(" | ")} |`, ...rows.map(line)].join("\n");
}

function pad(cell: string, width: number, { right, ragged }: Column): string {
  if (ragged) return cell;
  const blanks = " ".repeat(width - unicodeWidth(cell));
  return right ? blanks + cell : cell + blanks;
}
