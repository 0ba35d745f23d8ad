/**
 * A program that ends as its argument says: with a code, with an `ExitError`, or by a bug.
 *
 * @module
 */
import { ExitError } from "../../../lib/exit.ts";
import { runProgram, stdout } from "../../../lib/process/program.ts";

const ENDS: Readonly<Record<string, () => Promise<number>>> = {
  code: () => {
    for (let line = 0; line < 100_000; line++) stdout.write(`line ${line}\n`);
    return Promise.resolve(7);
  },
  refusal: () => Promise.reject(new ExitError("usage", "Cannot do that:\n\x1b[31mred")),
  bug: () => Promise.reject(new TypeError("a bug\x1b[31m")),
};

await runProgram("tester", ENDS[Deno.args[0]]);
