import type { Json } from "../../lib/json.ts";
import { TaskId } from "../../lib/wire/protocol.ts";
import type { Context } from "../define.ts";
import type { Analysis, Report } from "../shapes.ts";
import { writeHeadline } from "./content/headline.ts";
import type { ReportModel } from "./content/report_model.ts";
import { errorShare, summarize } from "./content/summary.ts";
import { renderIndexPage } from "./html/index_page.ts";
import { renderReportPage } from "./html/report_page.ts";
import { renderMarkdown } from "./markdown/report_markdown.ts";
import { renderJson } from "./render_json.ts";
import { indexPath, removeReport, reportPath, writeReportFile } from "./report_folder.ts";
import { ReportIndex } from "./report_index.ts";

/**
 * Writes a report in three forms, and the index.
 *
 * Files are written before memory is committed. After a crash in between, a repeated request writes
 * the same files again; without a repeat, the task's folder stays and no index names it.
 *
 * @param folder the reporter's memory folder
 * @throws {CodedError} what `writeReportFile` and `removeReport` throw
 */
export async function report(
  folder: string,
  analysis: Analysis,
  { task, memory, signal }: Context,
): Promise<Report> {
  const index = await ReportIndex.read(memory);
  const model: ReportModel = {
    task,
    headline: writeHeadline(analysis),
    previous: index.previous(analysis.stream, task),
    analysis,
  };
  const { headline } = model;
  const markdown = renderMarkdown(model);
  const texts = {
    "report.md": markdown,
    "report.html": renderReportPage(model),
    "report.json": renderJson(model as unknown as Json),
  };
  signal.throwIfAborted();
  const files: Report["files"] = [];
  for (const [name, text] of Object.entries(texts)) {
    const path = reportPath(task, name);
    await writeReportFile(folder, path, text);
    files.push({ path, bytes: new TextEncoder().encode(text).length });
  }
  for (const evicted of index.add(summarize(analysis, task, headline))) {
    if (TaskId.safeParse(evicted).success) await removeReport(folder, evicted);
  }
  await writeIndex(folder, index);
  return { stream: analysis.stream, run: analysis.run, headline, markdown, files };
}

async function writeIndex(folder: string, { reports, unreadable }: ReportIndex): Promise<void> {
  const listed = reports.map((report) => ({
    ...report,
    error_share: errorShare(report),
    path: reportPath(report.task, "report.html"),
  }));
  const json = renderJson({ reports: listed, unreadable });
  await writeReportFile(folder, indexPath("index.json"), json);
  await writeReportFile(folder, indexPath("index.html"), renderIndexPage(reports, unreadable));
}
