import { z } from "zod";
import { CodedError } from "../../lib/errors.ts";
import { TaskId } from "../../lib/wire/protocol.ts";
import { formatBytes } from "./content/format.ts";
import { readReportFile, reportPath } from "./report_folder.ts";

/** Bytes of the largest reply of `read`, as JSON. */
export const READ_BYTES_MAX = 2 * 1024 * 1024;

/** Input of `read`: which report, and in which form. */
export const Read = z.strictObject({
  task: TaskId,
  format: z.enum(["md", "html", "json"]),
});
export type Read = z.infer<typeof Read>;

/**
 * Reads a report's file.
 *
 * @param folder the reporter's memory folder
 * @throws {CodedError} `not_found` if the task has no report, `handler_rejected` if the file is
 * larger than a reply may be or is not a plain file
 */
export async function read(folder: string, { task, format }: Read): Promise<{ text: string }> {
  const path = reportPath(task, `report.${format}`);
  const text = await readReportFile(folder, path);
  if (text === null) throw new CodedError("not_found", `Cannot find a report of task "${task}"`);
  const bytes = new TextEncoder().encode(JSON.stringify({ text })).length;
  if (bytes > READ_BYTES_MAX) {
    const [max, size] = [READ_BYTES_MAX, bytes].map(formatBytes);
    throw new CodedError(
      "handler_rejected",
      `Cannot send "${path}": it has ${size} and a reply holds at most ${max}`,
    );
  }
  return { text };
}
