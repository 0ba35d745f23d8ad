/**
 * A program that is killed: it counts in the memory of its folder, eight commits at a time, and prints
 * each number when it is on disk.
 *
 * @module
 */
import { Memory } from "../../../lib/disk/memory.ts";
import type { Json } from "../../../lib/json.ts";

const [folder] = Deno.args;
const memory = await Memory.open({
  folder,
  role: "tester",
  log: () => {},
  onFailed: () => Deno.exit(74),
});
let next = Number(memory.get("begun") ?? 0);
const encoder = new TextEncoder();

async function count(): Promise<never> {
  while (true) {
    const number = next++;
    const changes = new Map<string, Json>([["begun", next], [
      `number/${number}`,
      "x".repeat(number % 300),
    ]]);
    await memory.commit(changes);
    Deno.stdout.writeSync(encoder.encode(`${number}\n`));
    if (number % 40 === 0) await memory.snapshot();
  }
}

await Promise.all(Array.from({ length: 8 }, count));
