import { assert, assertEquals } from "@std/assert";
import { type Baseline, EMPTY_BASELINE } from "../../../../agents/analyzer/baseline/baseline.ts";
import {
  BASELINES_BYTES_MAX,
  StoredBaseline,
  STREAMS_MAX,
} from "../../../../agents/analyzer/baseline/stored_baseline.ts";
import { estimateBytes } from "../../../../lib/json_size.ts";
import { MapDraft } from "../../map_draft.ts";

/** A baseline that takes more room with each run. */
function baselineOf(runs: number): Baseline {
  const moments = { n: 1, mean: 0, variance: 0 };
  const fields = Array.from({ length: runs }, (_, n) => ({
    name: `f${n}`,
    last: 1,
    median: moments,
    spread: moments,
  }));
  return { ...EMPTY_BASELINE, runs, fields };
}

async function addRun(memory: MapDraft, stream: string): Promise<number> {
  const stored = await StoredBaseline.read(memory, stream);
  const runs = stored.baseline.runs + 1;
  await stored.replace(baselineOf(runs));
  return runs;
}

async function storedBytes(memory: MapDraft): Promise<number> {
  const keys = await memory.keys("baseline/");
  const baselines = await Promise.all(keys.map((key) => memory.get(key)));
  return baselines.reduce((sum: number, baseline) => sum + estimateBytes(baseline!), 0);
}

Deno.test("StoredBaseline keeps the baseline of each stream", async () => {
  const memory = new MapDraft();
  await addRun(memory, "a");
  assertEquals(await addRun(memory, "a"), 2);
  assertEquals(await addRun(memory, "b"), 1);
  const { baseline } = await StoredBaseline.read(memory, "a");
  assertEquals(baseline, { ...baselineOf(2), used: 2 });
});

Deno.test("StoredBaseline evicts the least recently used streams over the limit", async () => {
  const memory = new MapDraft();
  for (let n = 0; n < STREAMS_MAX; n++) await addRun(memory, `s${n}`);
  await addRun(memory, "s0");
  assertEquals((await memory.keys("baseline/")).length, STREAMS_MAX);
  await addRun(memory, "new");
  assertEquals((await memory.keys("baseline/")).length, 0.9 * STREAMS_MAX);
  assertEquals(await addRun(memory, "s0"), 3);
  assertEquals(await addRun(memory, "new"), 2);
  assertEquals(await addRun(memory, "s1"), 1);
});

Deno.test("StoredBaseline evicts the least recently used streams that take too much memory", async () => {
  const memory = new MapDraft();
  const mib = "x".repeat(1024 * 1024);
  const most = BASELINES_BYTES_MAX / mib.length;
  for (let n = 0; n <= most; n++) memory.set(`baseline/s${n}`, { used: n, mib });
  memory.set("merges", most);
  await addRun(memory, "app");
  const keys = await memory.keys("baseline/");
  for (const latest of ["app", `s${most}`]) assert(keys.includes(`baseline/${latest}`), latest);
  const share = await storedBytes(memory) / BASELINES_BYTES_MAX;
  assert(share > 0.88 && share <= 0.9, `${share} of the bound`);
});

Deno.test("StoredBaseline counts the bytes as baselines grow and shrink", async () => {
  const memory = new MapDraft();
  for (const stream of ["a", "a", "b", "a"]) await addRun(memory, stream);
  assertEquals(await memory.get("baseline_bytes"), await storedBytes(memory));
  await (await StoredBaseline.read(memory, "a")).replace(EMPTY_BASELINE);
  assertEquals(await memory.get("baseline_bytes"), await storedBytes(memory));
});

Deno.test("StoredBaseline evicts nothing if only the count of bytes was too high", async () => {
  const memory = new MapDraft();
  const streams = 0.95 * STREAMS_MAX;
  for (let n = 0; n < streams; n++) memory.set(`baseline/s${n}`, {});
  memory.set("baseline_bytes", BASELINES_BYTES_MAX);
  await addRun(memory, "new");
  assertEquals((await memory.keys("baseline/")).length, streams + 1);
  assertEquals(await memory.get("baseline_bytes"), await storedBytes(memory));
});

Deno.test("StoredBaseline starts over if counts in memory cannot be read", async () => {
  const memory = new MapDraft();
  await addRun(memory, "a");
  for (const key of ["merges", "baseline_bytes"]) memory.set(key, "odd");
  assertEquals(await addRun(memory, "a"), 2);
  assertEquals(await memory.get("merges"), 1);
  assertEquals(await memory.get("baseline_bytes"), await storedBytes(memory));
});
