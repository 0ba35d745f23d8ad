import type { Analysis, Template } from "../../../agents/shapes.ts";
import type { ReportModel } from "../../../agents/reporter/content/report_model.ts";

/** The first instant of the sample analysis. */
export const START = Date.UTC(2026, 10, 23);

/** A template with some changes. */
export function template(id: string, text: string, changes: Partial<Template> = {}): Template {
  return {
    id,
    text,
    level: "info",
    count: 10,
    first_at: START,
    last_at: START + 1000,
    example: `${text}, for example`,
    status: "known",
    ...changes,
  };
}

/** An ordinary analysis of a later run with nothing new in it. */
export function analysis(changes: Partial<Analysis> = {}): Analysis {
  return {
    stream: "shop/nginx",
    run: 3,
    sources: [{ name: "nginx.log", format: "lines", records: 12_340, bytes: 1_234_567 }],
    records: 12_340,
    bytes: 1_234_567,
    cut: 0,
    from: START,
    to: START + 3_600_000,
    levels: { error: 148, warn: 300, info: 11_892 },
    timeline: { step_ms: 60_000, points: [[START, 100, 1], [START + 600_000, 40, 0]] },
    bursts: [{ at: START, records: 100, usual: 40 }],
    templates: [
      template("a", "GET <*> 200", { count: 12_000 }),
      template("b", "connection to <*> refused", { level: "error", count: 340 }),
    ],
    templates_dropped: 0,
    fields: [
      { name: "latency_ms", count: 900, min: 1, max: 900, mean: 20, p50: 12, p90: 80, p99: 400 },
    ],
    values: [{ name: "method", count: 900, distinct: 2, more: false, top: [["GET", 700]] }],
    keywords: [["journal", 12]],
    news: { appeared: [], silent: [], changed: [] },
    ...changes,
  };
}

/** A report on the sample analysis with some changes. */
export function model(changes: Partial<Analysis> = {}): ReportModel {
  return { analysis: analysis(changes), task: "t7", headline: "A headline", previous: null };
}

/**
 * An analysis with `text` in every place that takes text from outside, and `rows` rows in each
 * list.
 */
export function everywhere(text: string, rows = 1): Analysis {
  const name = text.slice(0, 256);
  const many = <T>(make: (i: number) => T): T[] => Array.from({ length: rows }, (_, i) => make(i));
  const numbers = { min: -1.2345678e-7, max: 1.2345678e200, mean: 1 };
  return analysis({
    stream: name,
    sources: many(() => ({ name, format: "ndjson", records: 2 ** 53 - 1, bytes: 2 ** 53 - 1 })),
    timeline: { step_ms: 1, points: many((i) => [START + i * 1000, 2 ** 40 + i, 2 ** 39]) },
    bursts: many((i) => ({ at: START + i, records: 2 ** 50, usual: 1234.5678 })),
    templates: many((i) =>
      template(`t${i}`, text, { example: text + " ", level: "error", status: "new" })
    ),
    templates_dropped: 5,
    fields: many(() => ({ name, count: 2 ** 50, ...numbers, p50: 1, p90: 2.345e100, p99: 1e199 })),
    values: many(() => ({
      name,
      count: 1000,
      distinct: 1000,
      more: true,
      top: Array.from({ length: 10 }, (): [string, number] => [text, 3]),
    })),
    keywords: many(() => [text, 2 ** 50]),
    news: {
      appeared: many((i) => `t${i}`),
      silent: many(() => ({ id: text, text, usual: 0.1234 })),
      changed: many((i) => ({
        kind: (["rate", "level", "value", "volume"] as const)[i % 4],
        subject: text,
        text,
        usual: 1.2345678,
        now: 2.3456789,
      })),
    },
  });
}
