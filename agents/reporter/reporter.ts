/**
 * The reporter: writes an analysis down as Markdown, HTML and JSON, with an index of all reports.
 *
 * An analysis enters `report`; three files and the index leave, below the reporter's memory folder.
 * `read` returns a report's file. Memory knows a summary of each report, for the index and for the
 * comparison with the previous run.
 *
 * Start reading at `report.ts`. The rooms: `content/` (what a report says, in numbers and words),
 * `html/` and `markdown/` (how it looks). `report_folder.ts` has the files, `report_index.ts` what
 * memory knows.
 *
 * @module
 */
import { z } from "zod";
import { type Agent, defineAgent, op } from "../define.ts";
import { Analysis, Report } from "../shapes.ts";
import { Read, read } from "./read.ts";
import { report } from "./report.ts";

/** Makes the agent that writes reports below `folder`, its memory folder. */
export function reporter(folder: string): Agent {
  return defineAgent("reporter", {
    // {"v":1,"id":"t7.report","type":"report","body":{"stream":"nginx","run":3,…}}
    report: op({
      input: Analysis,
      output: Report,
      handle: (analysis, context) => report(folder, analysis, context),
    }),

    // {"v":1,"id":"a1","type":"read","body":{"task":"t7","format":"html"}}
    read: op({
      input: Read,
      output: z.strictObject({ text: z.string() }),
      handle: (input) => read(folder, input),
      pure: true,
    }),
  });
}
