/**
 * Closes an analysis, compares it with its stream's baseline, and learns from it.
 *
 * @module
 */
import { z } from "zod";
import type { Draft } from "../define.ts";
import type { Analysis, Partial, Template } from "../shapes.ts";
import { type Baseline, learnRun, readBaseline, rename, writeBaseline } from "./baseline.ts";
import { close } from "./close.ts";
import { cluster } from "./cluster.ts";
import { combine } from "./combine.ts";
import { newsOf } from "./news.ts";
import { templateId } from "./template_id.ts";

/** Streams that have a baseline; the least recently used one is dropped for another. */
export const STREAMS_MAX = 1000;

const PREFIX = "baseline/";
/** How many merges there were: tells which baseline was used last. */
const MERGES_KEY = "merges";
const Merges = z.int().nonnegative();

/** Merges the partial results of one task; throws what `combine` throws. */
export async function merge(partials: readonly Partial[], memory: Draft): Promise<Analysis> {
  const partial = combine(partials);
  const key = PREFIX + partial.stream;
  const stored = readBaseline(await memory.get(key));
  // Known templates are clustered along, so that a text joins the template it had before.
  const renamed = cluster([
    ...partial.templates.map(({ text }) => text),
    ...stored.templates.map(({ text }) => text),
  ]);
  const baseline = rename(stored, renamed);
  const closed = close(partial, renamed);

  const known = new Set(baseline.templates.map(({ text }) => text));
  const templates = closed.templates.map((template): Template => ({
    ...template,
    id: templateId(template.text),
    status: baseline.runs === 0 || known.has(template.text) ? "known" : "new",
  }));

  const merges = (Merges.safeParse(await memory.get(MERGES_KEY)).data ?? 0) + 1;
  memory.set(MERGES_KEY, merges);
  if (baseline.runs === 0) await makeRoom(memory);
  memory.set(key, writeBaseline(learnRun(baseline, closed, partial.fields, merges)));
  return {
    ...closed,
    run: baseline.runs + 1,
    templates,
    news: newsOf(baseline, closed, templates, partial.fields),
  };
}

/** Drops the least recently used baselines until one more has room. */
async function makeRoom(memory: Draft): Promise<void> {
  const keys = await memory.keys(PREFIX);
  if (keys.length < STREAMS_MAX) return;
  const uses = await Promise.all(keys.map(async (key) => ({
    key,
    used: (await memory.get(key) as Baseline | undefined)?.used ?? 0,
  })));
  uses.sort((a, b) => a.used - b.used);
  for (const { key } of uses.slice(0, keys.length - STREAMS_MAX + 1)) memory.delete(key);
}
