/**
 * All partial results of a task to its analysis: the run is finalized, compared with the baseline
 * of its stream, and learned.
 *
 * @module
 */
import type { Draft } from "../define.ts";
import type { Analysis, Partial, Template } from "../shapes.ts";
import { renameTemplates } from "./baseline/baseline.ts";
import { compareWithBaseline } from "./baseline/compare_with_baseline.ts";
import { learnRun } from "./baseline/learn_run.ts";
import { StoredBaseline } from "./baseline/stored_baseline.ts";
import { combine } from "./combine.ts";
import { finalize } from "./counts/finalize.ts";
import { cluster } from "./templates/cluster.ts";
import { templateId } from "./templates/template_id.ts";

/** Merges the partial results of one task; throws what `combine` throws. */
export async function merge(partials: readonly Partial[], memory: Draft): Promise<Analysis> {
  const partial = combine(partials);
  const stored = await StoredBaseline.read(memory, partial.stream);
  // The baseline's templates are clustered too, so that a text joins the template it had before.
  const renamed = cluster([
    ...partial.templates.map(({ text }) => text),
    ...stored.baseline.templates.map(({ text }) => text),
  ]);
  const baseline = renameTemplates(stored.baseline, renamed);
  const findings = finalize(partial, renamed);

  const known = new Set(baseline.templates.map(({ text }) => text));
  const templates = findings.templates.map((template): Template => ({
    ...template,
    id: templateId(template.text),
    status: baseline.runs === 0 || known.has(template.text) ? "known" : "new",
  }));
  await stored.replace(learnRun(baseline, findings, partial.fields));
  return {
    ...findings,
    run: baseline.runs + 1,
    templates,
    news: compareWithBaseline(baseline, findings, templates, partial.fields),
  };
}
