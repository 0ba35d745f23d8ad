/**
 * How subcommands print their replies on stdout.
 *
 * @module
 */
import { EXIT } from "../../lib/exit.ts";
import type { JsonObject } from "../../lib/json.ts";
import { printableJson } from "../../lib/printable.ts";
import { stdout } from "../../lib/process/program.ts";
import { canRedraw } from "../dashboard/terminal.ts";
import { painter } from "../dashboard/painter.ts";

/** Colours if stdout is a terminal and NO_COLOR is not set. */
export const paint = painter(canRedraw(Deno.stdout) && !Deno.noColor);

/** Prints a reply: as JSON, or as the lines that `text` returns for people. Returns `EXIT.done`. */
export function show(json: boolean, reply: JsonObject, text: () => string[]): number {
  if (json) showJson(reply);
  else stdout.write(text().map((line) => line + "\n").join(""));
  return EXIT.done;
}

/** Prints a value as JSON: indented on a terminal, else on one line. Returns `EXIT.done`. */
export function showJson(value: JsonObject): number {
  stdout.write(printableJson(value, Deno.stdout.isTerminal() ? 2 : undefined) + "\n");
  return EXIT.done;
}
