/**
 * The baselines of all streams in memory, one key for each: `baseline/<stream>`. The least recently
 * used are evicted when there are too many or they take too much.
 *
 * @module
 */
import { z } from "zod";
import type { Json } from "../../../lib/json.ts";
import { estimateBytes } from "../../../lib/json_size.ts";
import type { Draft } from "../../define.ts";
import { type Baseline, formatBaseline, parseBaseline } from "./baseline.ts";

/** Streams that have a baseline. */
export const STREAMS_MAX = 1000;
/** What all baselines may take in memory, as `estimateBytes` counts. */
export const BASELINES_BYTES_MAX = 64 * 1024 * 1024;
/** An eviction frees this share of both bounds at once, because it has to read every baseline. */
const EVICTED_SHARE = 0.1;

const PREFIX = "baseline/";
/** Merges so far, over all streams. */
const MERGES_KEY = "merges";
/** What all baselines take: cheaper to read than all of them. Absent in a new memory. */
const BYTES_KEY = "baseline_bytes";
const Count = z.int().nonnegative();

/** The baseline of one stream, read from memory to be replaced by the next. */
export class StoredBaseline {
  readonly baseline: Baseline;
  readonly #memory: Draft;
  readonly #key: string;
  readonly #stored: Json | undefined;

  private constructor(memory: Draft, key: string, stored: Json | undefined) {
    this.baseline = parseBaseline(stored);
    this.#memory = memory;
    this.#key = key;
    this.#stored = stored;
  }

  /** Reads a stream's baseline; it is empty for an unknown stream. */
  static async read(memory: Draft, stream: string): Promise<StoredBaseline> {
    const key = PREFIX + stream;
    return new StoredBaseline(memory, key, await memory.get(key));
  }

  /** Replaces the baseline, marks it as used last, and evicts others if the bounds are exceeded. */
  async replace(baseline: Baseline): Promise<void> {
    const memory = this.#memory;
    const merges = (Count.safeParse(await memory.get(MERGES_KEY)).data ?? 0) + 1;
    memory.set(MERGES_KEY, merges);
    const next = formatBaseline({ ...baseline, used: merges });
    memory.set(this.#key, next);

    const isNew = this.#stored === undefined;
    const bytesBefore = Count.safeParse(await memory.get(BYTES_KEY)).data;
    const bytes = (bytesBefore ?? 0) + estimateBytes(next) -
      (this.#stored === undefined ? 0 : estimateBytes(this.#stored));
    const fits = bytesBefore !== undefined && bytes <= BASELINES_BYTES_MAX &&
      !(isNew && (await memory.keys(PREFIX)).length > STREAMS_MAX);
    memory.set(BYTES_KEY, fits ? bytes : await evict(memory));
  }
}

/** Evicts the least recently used baselines if the bounds are exceeded; returns the bytes left. */
async function evict(memory: Draft): Promise<number> {
  const entries: { key: string; used: number; bytes: number }[] = [];
  let bytes = 0;
  for (const key of await memory.keys(PREFIX)) {
    // In turn: all baselines at once would take too much of the thread's memory.
    const baseline = await memory.get(key) as Baseline | null;
    const entry = { key, used: baseline?.used ?? 0, bytes: estimateBytes(baseline) };
    entries.push(entry);
    bytes += entry.bytes;
  }
  if (entries.length <= STREAMS_MAX && bytes <= BASELINES_BYTES_MAX) return bytes;
  const streamsMax = STREAMS_MAX * (1 - EVICTED_SHARE);
  const bytesMax = BASELINES_BYTES_MAX * (1 - EVICTED_SHARE);
  entries.sort((a, b) => b.used - a.used);
  while (entries.length > 1 && (entries.length > streamsMax || bytes > bytesMax)) {
    const oldest = entries.pop()!;
    memory.delete(oldest.key);
    bytes -= oldest.bytes;
  }
  return bytes;
}
