import { printable } from "../../../lib/printable.ts";
import type { Analysis, Change } from "../../shapes.ts";
import { formatCount, formatNumber, formatShare, pluralize } from "./format.ts";
import { errorShare, errorsOf } from "./summary.ts";

/** How much of a field's name a headline shows. */
const NAME_MAX = 40;

/** Says in one line what matters most about a run; free of control characters, not of markup. */
export function writeHeadline(analysis: Analysis): string {
  const { run, records, templates, news } = analysis;
  const errorsNow = errorShare({ errors: errorsOf(analysis), records });
  const errors = errorsNow === null ? [] : [`errors ${formatShare(errorsNow)}`];
  const total = pluralize(records, "record");
  if (run === 1) {
    const found = templates.length > 0 ? [pluralize(templates.length, "template")] : [];
    return `First run: ${[total, ...found, ...errors].join(", ")}`;
  }

  const errorChange = news.changed.find(isErrorChange);
  const volume = news.changed.find(({ kind }) => kind === "volume");
  const others = news.changed.filter((change) => change !== errorChange && change !== volume);
  const told = [...tellTemplates(news), ...tellChanges(others)];
  const quiet = told.length === 0 && !errorChange && !volume;
  const usualErrors = errorChange ? ` (usual ${formatShare(errorChange.usual)})` : "";
  told.push(...errors.map((text) => text + usualErrors));
  told.push(volume ? `${total} (usual ${formatCount(volume.usual)})` : total);
  return (quiet ? "Nothing new: " : "") + told.join(", ");
}

function isErrorChange({ kind, subject }: Change): boolean {
  return kind === "level" && subject === "error";
}

function* tellTemplates({ appeared, silent }: Analysis["news"]): Generator<string> {
  if (appeared.length > 0) yield pluralize(appeared.length, "new template");
  if (silent.length > 0) yield pluralize(silent.length, "silent template");
}

function* tellChanges(changes: Change[]): Generator<string> {
  const rates = changes.filter(({ kind }) => kind === "rate").length;
  if (rates > 0) yield pluralize(rates, "changed rate");
  yield* few(changes.filter(({ kind }) => kind === "level"), "level", formatShare);
  yield* few(changes.filter(({ kind }) => kind === "value"), "value", formatNumber);
}

/** One change is told, several are counted. */
function* few(changes: Change[], noun: string, show: (value: number) => string): Generator<string> {
  if (changes.length > 1) yield pluralize(changes.length, `changed ${noun}`);
  if (changes.length !== 1) return;
  const [{ subject, now, usual }] = changes;
  yield `${printable(subject, NAME_MAX)} ${show(now)} (usual ${show(usual)})`;
}
