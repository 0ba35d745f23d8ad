/**
 * A program that is killed: it appends numbers to the journal of its folder, after the last number
 * there, and prints each when it is on disk.
 *
 * @module
 */
import { Journal } from "../../../lib/disk/journal.ts";
import { START } from "../../../lib/disk/record.ts";

const [folder] = Deno.args;
let next = 0;
const journal = await Journal.open({
  folder,
  role: "tester",
  after: START,
  replay: (rec) => next = Number(rec) + 1,
  onRollback: () => {},
  onFailed: () => Deno.exit(74),
  log: () => {},
});
const encoder = new TextEncoder();

async function count(): Promise<never> {
  while (true) {
    const number = next++;
    await journal.append(number, { lazy: number % 3 === 0 });
    Deno.stdout.writeSync(encoder.encode(`${number}\n`));
    if (number % 500 === 0) await journal.rotate();
  }
}

await Promise.all(Array.from({ length: 8 }, count));
