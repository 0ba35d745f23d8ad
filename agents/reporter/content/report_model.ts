import type { Analysis } from "../../shapes.ts";
import type { Summary } from "./summary.ts";

/**
 * All that a report is made of. Neither a clock nor chance has a part in it: the same model makes
 * the same bytes, so a report that is written again after a crash is the same report.
 */
export interface ReportModel {
  readonly analysis: Analysis;
  readonly task: string;
  readonly headline: string;
  /** The previous report of the same stream; null if none is kept. */
  readonly previous: Summary | null;
}
