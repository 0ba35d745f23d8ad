/**
 * The pipelines, as data.
 *
 * @module
 */

/**
 * One call of one agent. Its request id is `<task>.<name>`, and `<task>.<name>.<page>` for a page;
 * where a retry runs it anew, `r2`, `r3` and so on stand behind the task.
 */
export interface Call {
  readonly name: string;
  readonly agent: string;
  readonly op: string;
  /** One attempt may take so long. */
  readonly timeoutMs: number;
  /** Tries that may fail before the task does; waiting for an agent is no try. */
  readonly attempts: number;
}

/**
 * What a stage does with the value of the one before it:
 *  - `call` hands it on as the body, and its reply is the next value;
 *  - `pages` asks `source` for a page with it, and again with the reply's `cursor` added until that
 *    is `null`; hands each page to `each`; and gives all their replies as `{partials}`. Where these
 *    become many, `combine` makes one of them, in no certain order.
 */
export type Stage =
  | { readonly kind: "call"; readonly call: Call }
  | { readonly kind: "pages"; readonly source: Call; readonly each: Call; readonly combine: Call };

export interface Pipeline {
  readonly name: string;
  readonly stages: readonly Stage[];
}

const DEFAULTS = { timeoutMs: 60_000, attempts: 4 };

const REPORT: Pipeline = {
  name: "report",
  stages: [
    {
      kind: "pages",
      source: { name: "collect", agent: "collector", op: "collect", ...DEFAULTS },
      each: { name: "analyze", agent: "analyzer", op: "analyze", ...DEFAULTS },
      combine: { name: "combine", agent: "analyzer", op: "combine", ...DEFAULTS },
    },
    { kind: "call", call: { name: "merge", agent: "analyzer", op: "merge", ...DEFAULTS } },
    { kind: "call", call: { name: "report", agent: "reporter", op: "report", ...DEFAULTS } },
  ],
};

export const PIPELINES: ReadonlyMap<string, Pipeline> = new Map([[REPORT.name, REPORT]]);

/** The calls of a pipeline, in the order in which a task comes to them. */
export function callsOf({ stages }: Pipeline): Call[] {
  return stages.flatMap((stage) =>
    stage.kind === "call" ? [stage.call] : [stage.source, stage.each, stage.combine]
  );
}
