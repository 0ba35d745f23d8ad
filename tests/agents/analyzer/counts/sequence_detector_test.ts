import { assertEquals } from "@std/assert";
import { SequenceDetector } from "../../../../agents/analyzer/counts/sequence_detector.ts";

function sequences(fields: Record<string, (n: number) => number>, numbers = 16): string[] {
  const detector = new SequenceDetector();
  for (let n = 0; n < numbers; n++) {
    for (const [name, valueAt] of Object.entries(fields)) detector.add(name, valueAt(n));
  }
  return detector.names();
}

Deno.test("SequenceDetector finds numbers that rise or fall by equal steps", () => {
  const names = sequences({ row: (n) => n + 1, back: (n) => 100 - 5 * n, size: (n) => n * n });
  assertEquals(names, ["row", "back"]);
});

Deno.test("SequenceDetector takes neither a constant nor a broken sequence", () => {
  assertEquals(sequences({ same: () => 7, broken: (n) => n === 15 ? 99 : n }), []);
});

Deno.test("SequenceDetector needs 16 numbers", () => {
  assertEquals(sequences({ row: (n) => n }, 15), []);
});
