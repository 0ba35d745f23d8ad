/**
 * Closes an analysis, compares it with its stream's baseline, and learns from it.
 *
 * @module
 */
import { z } from "zod";
import type { Json } from "../../lib/json.ts";
import { estimateBytes } from "../../lib/json_size.ts";
import type { Draft } from "../define.ts";
import type { Analysis, Partial, Template } from "../shapes.ts";
import {
  type Baseline,
  learnRun,
  readBaseline,
  rename,
  writeBaseline,
} from "./baseline/baseline.ts";
import { finalize } from "./counts/finalize.ts";
import { cluster } from "./templates/cluster.ts";
import { combine } from "./combine.ts";
import { compareWithBaseline } from "./baseline/compare_with_baseline.ts";
import { templateId } from "./templates/template_id.ts";

/** Streams that have a baseline, and what all of these may take in memory: see `weightOf()`. */
export const STREAMS_MAX = 1000;
export const BASELINES_BYTES_MAX = 64 * 1024 * 1024;
/** Which part of both is given up at once when there is no room, since all of them are read then. */
const GIVEN_UP = 0.1;

const PREFIX = "baseline/";
/** How many merges there were: tells which baseline was used last. */
const MERGES_KEY = "merges";
/** What all baselines take, which is cheaper to read than all of them; absent in old memories. */
const BYTES_KEY = "baseline_bytes";
const Count = z.int().nonnegative();

/** Merges the partial results of one task; throws what `combine` throws. */
export async function merge(partials: readonly Partial[], memory: Draft): Promise<Analysis> {
  const partial = combine(partials);
  const key = PREFIX + partial.stream;
  const before = await memory.get(key);
  const stored = readBaseline(before);
  // Known templates are clustered along, so that a text joins the template it had before.
  const renamed = cluster([
    ...partial.templates.map(({ text }) => text),
    ...stored.templates.map(({ text }) => text),
  ]);
  const baseline = rename(stored, renamed);
  const closed = finalize(partial, renamed);

  const known = new Set(baseline.templates.map(({ text }) => text));
  const templates = closed.templates.map((template): Template => ({
    ...template,
    id: templateId(template.text),
    status: baseline.runs === 0 || known.has(template.text) ? "known" : "new",
  }));

  const merges = (Count.safeParse(await memory.get(MERGES_KEY)).data ?? 0) + 1;
  memory.set(MERGES_KEY, merges);
  const after = writeBaseline(learnRun(baseline, closed, partial.fields, merges));
  await keepBaseline(memory, key, before, after);
  return {
    ...closed,
    run: baseline.runs + 1,
    templates,
    news: compareWithBaseline(baseline, closed, templates, partial.fields),
  };
}

/** Keeps a stream's baseline in the place of the one before, and drops others where it has no room. */
async function keepBaseline(
  memory: Draft,
  key: string,
  before: Json | undefined,
  after: Json,
): Promise<void> {
  memory.set(key, after);
  const isNew = before === undefined;
  const { data: bytes } = Count.safeParse(await memory.get(BYTES_KEY));
  const grown = (bytes ?? 0) + estimateBytes(after) - (isNew ? 0 : estimateBytes(before));
  const fits = bytes !== undefined && grown <= BASELINES_BYTES_MAX &&
    !(isNew && (await memory.keys(PREFIX)).length > STREAMS_MAX);
  memory.set(BYTES_KEY, fits ? grown : await makeRoom(memory));
}

/** Drops the least recently used baselines where there are too many; gives what is left of bytes. */
async function makeRoom(memory: Draft): Promise<number> {
  const kept: { key: string; used: number; bytes: number }[] = [];
  let bytes = 0;
  for (const key of await memory.keys(PREFIX)) {
    const baseline = await memory.get(key) as Baseline | null; // one by one: all would take too much
    kept.push({ key, used: baseline?.used ?? 0, bytes: estimateBytes(baseline) });
    bytes += kept.at(-1)!.bytes;
  }
  if (kept.length <= STREAMS_MAX && bytes <= BASELINES_BYTES_MAX) return bytes;
  const [streamsMax, bytesMax] = [STREAMS_MAX, BASELINES_BYTES_MAX].map((n) => n * (1 - GIVEN_UP));
  kept.sort((a, b) => b.used - a.used);
  while (kept.length > 1 && (kept.length > streamsMax || bytes > bytesMax)) {
    const oldest = kept.pop()!;
    memory.delete(oldest.key);
    bytes -= oldest.bytes;
  }
  return bytes;
}
