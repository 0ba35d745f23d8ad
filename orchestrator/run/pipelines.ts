/**
 * The pipelines, as data.
 *
 * @module
 */
import { CodedError } from "../../lib/errors.ts";

/**
 * One call of an agent. Its request id is `<task>.<name>`, or `<task>.<name>.<page>` for a page. If a
 * client's retry redoes the call, `r2`, `r3` and so on stand between task and name.
 */
export interface Call {
  /** Lower-case letters and `_`, since it is part of request ids; unique in the pipeline. */
  readonly name: string;
  /** The agent's role. */
  readonly agent: string;
  readonly op: string;
  /** Time of one attempt. */
  readonly timeoutMs: number;
  /** After this many failed attempts the task fails. Waiting for an agent is no attempt. */
  readonly attempts: number;
}

/** Sends the value of the stage before it to an agent; the reply is the next value. */
export interface CallStage {
  readonly kind: "call";
  readonly call: Call;
}

/**
 * Works on pages; a pipeline has at most one such stage.
 *
 * `source` is asked for a page with the value of the stage before it, then for the next page with the
 * reply's `cursor` added, until that is `null`. Each page is sent to `each`. All replies together are
 * the next value, as `{partials}`. When they become many, `combine` makes one reply of them, in no
 * certain order.
 */
export interface PagesStage {
  readonly kind: "pages";
  readonly source: Call;
  readonly each: Call;
  readonly combine: Call;
}

/** One step of a pipeline. */
export type Stage = CallStage | PagesStage;

/** What a task goes through: its input is the value that the first stage begins with. */
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

/** All pipelines, by name. */
export const PIPELINES: ReadonlyMap<string, Pipeline> = new Map([[REPORT.name, REPORT]]);

/** Returns the calls of a pipeline, in the order in which a task comes to them. */
export function callsOf({ stages }: Pipeline): Call[] {
  return stages.flatMap(callsOfStage);
}

/** Returns the calls of a stage, in the order in which a task comes to them. */
export function callsOfStage(stage: Stage): Call[] {
  return stage.kind === "call" ? [stage.call] : [stage.source, stage.each, stage.combine];
}

/** Returns the error of a pipeline that is none of those `known`. */
export function unknownPipeline(name: string, known: ReadonlyMap<string, Pipeline>): CodedError {
  const names = [...known.keys()].join(", ");
  return new CodedError("unknown_pipeline", `Cannot run "${name}": the pipelines are ${names}`);
}
