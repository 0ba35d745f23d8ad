import { z } from "zod";
import { CodedError } from "../../lib/errors.ts";
import { printableLines } from "../../lib/printable.ts";
import type { Json } from "../../lib/json.ts";
import { TaskId } from "../../lib/wire/protocol.ts";
import { addCounts } from "../add_counts.ts";
import { type Agent, type Context, defineAgent, type Draft, op } from "../define.ts";
import { Analysis, Report } from "../shapes.ts";
import { formatBytes } from "./content/format.ts";
import { headline } from "./content/headline.ts";
import { renderReportPage } from "./html/report_page.ts";
import { renderIndexPage } from "./html/index_page.ts";
import { renderMarkdown } from "./markdown/report_markdown.ts";
import type { ReportModel } from "./content/report_model.ts";
import { prettyJson } from "./pretty_json.ts";
import { discard, pathOf, put, take } from "./report_folder.ts";
import { errorShare, summarize, Summary } from "./content/summary.ts";

/** Reports that are kept; older ones leave the index and the disk. */
export const REPORTS_KEPT = 500;

/** The largest reply of `read`, as JSON. */
export const READ_BYTES_MAX = 2 * 1024 * 1024;

/** A report as memory has it, under `report/<task>`; numbers rise in the order of writing. */
const StoredReport = Summary.extend({ task: TaskId, number: z.int().positive() });
type StoredReport = z.infer<typeof StoredReport>;

const KEY = "report/";

const Read = z.strictObject({
  task: TaskId,
  format: z.enum(["md", "html", "json"]),
});

/** Makes the agent that writes reports below `folder`, its memory folder, and keeps an index of them. */
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
      handle: ({ task, format }) => readReport(folder, task, format),
      pure: true,
    }),
  });
}

/**
 * Writes a report and the index. Files come before the commit: a crash in between leaves them to be
 * written again, with the same content, by the repeat. A task that is given up in between leaves its
 * folder behind, outside of the index.
 */
async function report(
  folder: string,
  analysis: Analysis,
  { task, memory, signal }: Context,
): Promise<Report> {
  const { kept, unreadable } = await readKept(memory);
  const number = kept.find((report) => report.task === task)?.number ??
    addCounts(kept.at(-1)?.number ?? 0, 1);
  const previous = kept.findLast((report) =>
    report.stream === analysis.stream && report.number < number
  );
  const parts: ReportModel = {
    task,
    headline: headline(analysis),
    previous: previous ? withoutNumber(previous) : null,
    analysis,
  };
  const markdown = renderMarkdown(parts);
  const texts = {
    "report.md": markdown,
    "report.html": renderReportPage(parts),
    "report.json": printableLines(prettyJson(parts as unknown as Json)) + "\n",
  };
  signal.throwIfAborted();
  const files: Report["files"] = [];
  for (const [name, text] of Object.entries(texts)) {
    const path = pathOf(name, task);
    await put(folder, path, text);
    files.push({ path, bytes: byteLength(text) });
  }
  const own: StoredReport = StoredReport.parse({
    ...summarize(analysis, task, parts.headline),
    number,
  });
  const all = [...kept.filter((report) => report.task !== task), own].sort(byNumber);
  const lost = unreadable.filter((other) => other !== task);
  memory.set(KEY + task, own);
  const over = Math.max(0, lost.length + all.length - REPORTS_KEPT);
  const dropped = lost.splice(0, over);
  dropped.push(...all.splice(0, over - dropped.length).map(({ task }) => task));
  for (const task of dropped) {
    memory.delete(KEY + task);
    if (TaskId.safeParse(task).success) await discard(folder, task);
  }
  await writeIndex(folder, all.map(withoutNumber).reverse(), lost.length);
  return { stream: analysis.stream, run: analysis.run, headline: parts.headline, markdown, files };
}

/** The reports in memory, and the tasks of those whose entry can't be read: the index counts them. */
async function readKept(memory: Draft): Promise<{ kept: StoredReport[]; unreadable: string[] }> {
  const keys = await memory.keys(KEY);
  const values = await Promise.all(keys.map((key) => memory.get(key)));
  const kept: StoredReport[] = [];
  const unreadable: string[] = [];
  values.forEach((value, at) => {
    const task = keys[at].slice(KEY.length);
    const { data } = StoredReport.safeParse(value);
    if (data?.task === task) kept.push(data);
    else unreadable.push(task);
  });
  return { kept: kept.sort(byNumber), unreadable };
}

async function writeIndex(folder: string, reports: Summary[], unreadable: number): Promise<void> {
  const listed = reports.map((report) => ({
    ...report,
    error_share: errorShare(report),
    path: pathOf("report.html", report.task),
  }));
  await put(
    folder,
    pathOf("index.json"),
    printableLines(prettyJson({ reports: listed, unreadable })) + "\n",
  );
  await put(folder, pathOf("index.html"), renderIndexPage(reports, unreadable));
}

async function readReport(folder: string, task: string, format: z.infer<typeof Read>["format"]) {
  const path = pathOf(`report.${format}`, task);
  const text = await take(folder, path);
  if (text === null) throw new CodedError("not_found", `Cannot find a report of task "${task}"`);
  const size = byteLength(JSON.stringify({ text }));
  if (size > READ_BYTES_MAX) {
    throw new CodedError(
      "handler_rejected",
      `Cannot send "${path}": a reply holds ${formatBytes(READ_BYTES_MAX)} and this is ${
        formatBytes(size)
      }`,
    );
  }
  return { text };
}

function withoutNumber({ number: _, ...summary }: StoredReport): Summary {
  return summary;
}

function byNumber(a: StoredReport, b: StoredReport): number {
  return a.number - b.number;
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
