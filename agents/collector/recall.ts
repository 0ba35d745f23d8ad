import { sha256 } from "../../lib/digest.ts";
import { CodedError } from "../../lib/errors.ts";
import type { CollectInput, CollectOutput, Note } from "./collect_shapes.ts";
import type { CollectorConfig } from "./config.ts";
import { InboxFile } from "./inbox/inbox_file.ts";
import { openSource } from "./open_source.ts";
import { cutPage } from "./page/cut_page.ts";

/**
 * Repeats an answer of `collect()` by cutting the noted page again.
 *
 * @throws {CodedError} `handler_rejected` if the source is gone or its text is not the same any more
 */
export async function recall(
  config: CollectorConfig,
  input: CollectInput,
  { answer, cut }: Note,
  signal: AbortSignal,
): Promise<CollectOutput> {
  if (cut === undefined) return answer;
  const text = await cutAgain(config, input, cut, signal).catch((error) => {
    throw error instanceof CodedError ? sourceChanged(answer, error) : error;
  });
  if (sha256(text) !== cut.digest) throw sourceChanged(answer);
  return { ...answer, page: { ...answer.page, text } };
}

async function cutAgain(
  { inbox }: CollectorConfig,
  { sources }: CollectInput,
  { source: index, path, at }: NonNullable<Note["cut"]>,
  signal: AbortSignal,
): Promise<string> {
  const file = path === undefined ? undefined : await InboxFile.find(inbox, path);
  await using source = await openSource(sources[index], file, signal, at.size);
  return (await cutPage(source.text, source.head.layout, at, signal)).text;
}

function sourceChanged({ page }: CollectOutput, cause?: CodedError): CodedError {
  return new CodedError(
    "handler_rejected",
    `Cannot repeat a page of "${page.source}": it has changed since it was collected`,
    { cause },
  );
}
