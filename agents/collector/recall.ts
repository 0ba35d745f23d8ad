/**
 * Gives a page once more.
 *
 * @module
 */
import { sha256 } from "../../lib/digest.ts";
import { CodedError } from "../../lib/errors.ts";
import type { CollectInput, CollectOutput, Note } from "./collect_shapes.ts";
import { InboxFile } from "./inbox/inbox_file.ts";
import { cutPage } from "./page/cut_page.ts";
import { openSource } from "./open_source.ts";
import type { CollectorConfig } from "./config.ts";

/**
 * Cuts the page that `collect()` noted from the same bytes.
 *
 * @throws {CodedError} `handler_rejected` when they are gone or are not the same any more
 */
export async function recall(
  setting: CollectorConfig,
  input: CollectInput,
  { answer, cut }: Note,
  signal: AbortSignal,
): Promise<CollectOutput> {
  if (cut === undefined) return answer;
  const text = await cutAgain(setting, input, cut, signal).catch((error) => {
    throw error instanceof CodedError ? changed(answer, error) : error;
  });
  if (sha256(text) !== cut.digest) throw changed(answer);
  return { ...answer, page: { ...answer.page, text } };
}

async function cutAgain(
  { inbox }: CollectorConfig,
  { sources }: CollectInput,
  { source, path, at }: NonNullable<Note["cut"]>,
  signal: AbortSignal,
): Promise<string> {
  const file = path === undefined ? undefined : await InboxFile.find(inbox, path);
  await using opened = await openSource(sources[source], file, signal, at.size);
  return (await cutPage(opened.text, opened.head.layout, at, signal)).text;
}

function changed({ page }: CollectOutput, cause?: CodedError): CodedError {
  return new CodedError(
    "handler_rejected",
    `Cannot give "${page.source}" again: it has changed since it was collected`,
    { cause },
  );
}
