import type { Analysis } from "../../shapes.ts";
import type { Summary } from "./summary.ts";

/**
 * What a report is made of. Neither clock nor dice have a part in it: the same parts give the same
 * bytes, so that a report that is written a second time after a crash is the same report.
 */
export interface ReportModel {
  readonly analysis: Analysis;
  readonly task: string;
  readonly headline: string;
  /** The report before this one of the same stream, or null where none is kept. */
  readonly previous: Summary | null;
}
