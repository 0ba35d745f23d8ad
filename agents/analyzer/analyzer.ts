/**
 * The analyzer: finds what logs, tables and texts say, and what is new since the stream's last run.
 *
 * A page enters `analyze` and becomes a partial result; `combine` adds partial results up; `merge`
 * turns those of a whole task into an analysis and learns from it. Only `merge` has memory: one
 * baseline for each stream.
 *
 * Start reading at `analyze.ts`. The rooms, from the top: `baseline/` (what is usual, and what
 * differs from it), `counts/` (what adds up), `templates/` (messages without what varies),
 * `records/` (lines to entries). `bounds.ts` limits all of them.
 *
 * @module
 */
import { z } from "zod";
import { defineAgent, op } from "../define.ts";
import { Analysis, Page, Partial } from "../shapes.ts";
import { analyze } from "./analyze.ts";
import { combine } from "./combine.ts";
import { PARTIALS_MAX } from "./bounds.ts";
import { merge } from "./merge.ts";

const Partials = z.strictObject({ partials: z.array(Partial).min(1).max(PARTIALS_MAX) });

/** The agent with its three ops. */
export const analyzer = defineAgent("analyzer", {
  // → {"type":"analyze","body":{"page":{"stream":"app","format":"lines","text":"…",…}}}
  analyze: op({
    input: z.strictObject({ page: Page }),
    output: Partial,
    pure: true,
    handle: ({ page }) => analyze(page),
  }),

  // → {"type":"combine","body":{"partials":[{"stream":"app",…},…]}}
  combine: op({
    input: Partials,
    output: Partial,
    pure: true,
    handle: ({ partials }) => combine(partials),
  }),

  // → {"type":"merge","body":{"partials":[{"stream":"app",…},…]}}
  merge: op({
    input: Partials,
    output: Analysis,
    handle: ({ partials }, { memory }) => merge(partials, memory),
  }),
});
