import { printable } from "../../../lib/printable.ts";
import type { Analysis, Change } from "../../shapes.ts";
import { formatCount, formatNumber, formatShare, pluralize } from "./format.ts";
import { errorShare, errorsOf } from "./summary.ts";

/** Characters of a field's name in a headline. */
const NAME_CHARS_MAX = 40;

/**
 * Says in one line what matters most about a run. The line holds no control characters, but may
 * hold what HTML or Markdown takes for markup.
 */
export function writeHeadline(analysis: Analysis): string {
  const { run, records, templates, news } = analysis;
  const errorsNow = errorShare({ errors: errorsOf(analysis), records });
  const errors = errorsNow === null ? [] : [`errors ${formatShare(errorsNow)}`];
  const total = pluralize(records, "record");
  if (run === 1) {
    const templateCount = templates.length > 0 ? [pluralize(templates.length, "template")] : [];
    return `First run: ${[total, ...templateCount, ...errors].join(", ")}`;
  }

  const errorChange = news.changed.find(isErrorChange);
  const volume = news.changed.find(({ kind }) => kind === "volume");
  const others = news.changed.filter((change) => change !== errorChange && change !== volume);
  const parts = [...templateParts(news), ...changeParts(others)];
  const quiet = parts.length === 0 && !errorChange && !volume;
  const usualErrors = errorChange ? ` (usual ${formatShare(errorChange.usual)})` : "";
  parts.push(...errors.map((text) => text + usualErrors));
  parts.push(volume ? `${total} (usual ${formatCount(volume.usual)})` : total);
  return (quiet ? "Nothing new: " : "") + parts.join(", ");
}

function isErrorChange({ kind, subject }: Change): boolean {
  return kind === "level" && subject === "error";
}

function* templateParts({ appeared, silent }: Analysis["news"]): Generator<string> {
  if (appeared.length > 0) yield pluralize(appeared.length, "new template");
  if (silent.length > 0) yield pluralize(silent.length, "silent template");
}

function* changeParts(changes: Change[]): Generator<string> {
  const rates = changes.filter(({ kind }) => kind === "rate").length;
  if (rates > 0) yield pluralize(rates, "changed rate");
  yield* describeOrCount(changes.filter(({ kind }) => kind === "level"), "level", formatShare);
  yield* describeOrCount(changes.filter(({ kind }) => kind === "value"), "value", formatNumber);
}

/** A single change is described, several are only counted. */
function* describeOrCount(
  changes: Change[],
  noun: string,
  format: (value: number) => string,
): Generator<string> {
  if (changes.length > 1) yield pluralize(changes.length, `changed ${noun}`);
  if (changes.length !== 1) return;
  const [{ subject, now, usual }] = changes;
  yield `${printable(subject, NAME_CHARS_MAX)} ${format(now)} (usual ${format(usual)})`;
}
