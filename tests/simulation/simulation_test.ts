import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { simulateMemory } from "./memory_simulation.ts";
import { MUTANTS } from "./mutants.ts";
import { simulate } from "./simulation.ts";

const SEEDS = 10;
/** A planted defect must be found within this number of seeds. */
const MUTANT_SEEDS = 40;

Deno.test("simulate() finds no violation and repeats a run with the same seed", async () => {
  const digests = new Set<number>();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const first = await simulate({ seed });
    assertEquals(first.findings, [], `seed ${seed}`);
    assert(first.tasks > 0);
    digests.add(first.digest);
    if (seed === 1) assertEquals((await simulate({ seed })).digest, first.digest);
  }
  assertEquals(digests.size, SEEDS);
});

Deno.test("simulateMemory() finds no violation and repeats a run with the same seed", async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const first = await simulateMemory(seed);
    assertEquals(first.findings, [], `seed ${seed}`);
    assert(first.acknowledged > 0);
    if (seed === 1) assertEquals((await simulateMemory(seed)).digest, first.digest);
  }
});

for (const [name, mutant] of Object.entries(MUTANTS)) {
  Deno.test(`simulate() finds ${name}`, async () => {
    for (let seed = 1; seed <= MUTANT_SEEDS; seed++) {
      if ((await simulate({ seed, mutant })).findings.length > 0) return;
    }
    throw new Error(`It was not found in ${MUTANT_SEEDS} seeds`);
  });
}

Deno.test("simulateMemory() finds a disk whose syncs do nothing", async () => {
  const found: string[] = [];
  for (let seed = 1; seed <= MUTANT_SEEDS; seed++) {
    found.push(...(await simulateMemory(seed, true)).findings);
  }
  assertNotEquals(found, []);
});
