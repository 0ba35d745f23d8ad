/**
 * A valid request of each type that a role answers.
 *
 * @module
 */
import { analyze } from "../../agents/analyzer/analyze.ts";
import type { Page } from "../../agents/shapes.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { Role } from "../../lib/roles.ts";
import { analysis } from "../agents/reporter/sample.ts";
import { DONE_TASK } from "./session_input.ts";

/** A type of request and a valid body. */
export interface Example {
  readonly type: string;
  readonly body?: JsonObject;
}

const NONCE = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const LOG = [
  '2026-11-01T10:00:00Z INFO api: request path="/cart" ms=12 user=7',
  "2026-11-01T10:00:01.250Z ERROR pay: connection to 10.0.0.1:443 refused after 30s",
  '{"time":"2026-11-01T10:00:02Z","level":"warn","msg":"slow","ms":1200.5}',
  "<34>Nov  1 10:00:03 host su[12]: 'su root' failed for a on /dev/pts/8",
  '10.0.0.1 - - [01/Nov/2026:10:00:04 +0000] "GET / HTTP/1.1" 500 12',
].join("\n") + "\n";

const page = (text: string, format: Page["format"], more: Partial<Page> = {}): Page => ({
  stream: "fuzzed",
  source: "fuzzed.log",
  format,
  first_line: 1,
  text,
  bytes: text.length,
  cut: 0,
  ...more,
});

const PAGES = [
  page(LOG, "lines"),
  page("1,2026-11-01,7.5,yes\n2,2026-11-02,8.5,no\n", "csv", {
    columns: ["id", "day", "ms", "ok"],
  }),
  page('{"a":1,"b":"x","t":1793527200000}\n{"a":2,"b":{"c":[1]}}\n', "ndjson"),
];
const PARTIALS = PAGES.map(analyze);

const ANY: readonly Example[] = [
  { type: "ping" },
  { type: "health" },
  { type: "stats", body: {} },
  { type: "hello", body: { nonce: NONCE } },
  { type: "auth", body: { mac: NONCE } },
  { type: "no_such_type", body: { a: 1 } },
];

const AGENT: readonly Example[] = [
  { type: "info", body: {} },
  { type: "cancel", body: { id: "f1" } },
];

const BY_ROLE: Readonly<Record<Role, readonly Example[]>> = {
  orchestrator: [
    {
      type: "submit",
      body: {
        pipeline: "report",
        input: { sources: [{ text: LOG, name: "fuzzed" }], stream: "fuzzed" },
        label: "a fuzzed one",
        key: "k1",
        deadline_ms: 5000,
        wait_ms: 10,
      },
    },
    { type: "submit", body: { input: { sources: [{ file: "events.jsonl" }] }, deadline_ms: 9000 } },
    { type: "get", body: { task: DONE_TASK } },
    { type: "list", body: { states: ["done", "dead"], limit: 5 } },
    { type: "events", body: { task: DONE_TASK, after: 0, wait_ms: 10 } },
    { type: "result", body: { task: DONE_TASK, wait_ms: 10 } },
    { type: "retry", body: { task: DONE_TASK, from: "merge" } },
    { type: "cancel", body: { task: DONE_TASK } },
    { type: "why", body: { task: DONE_TASK } },
    { type: "pause", body: { pipeline: "report" } },
    { type: "resume", body: { pipeline: "report" } },
    { type: "pause", body: { agent: "analyzer" } },
    { type: "resume", body: { agent: "analyzer" } },
    { type: "agents", body: {} },
    { type: "pipelines", body: {} },
  ],
  collector: [
    ...AGENT,
    { type: "collect", body: { sources: [{ text: LOG, name: "fuzzed" }], stream: "fuzzed" } },
    { type: "collect", body: { sources: [{ file: "shop-2026-11-01.log" }], only_new: true } },
    { type: "collect", body: { sources: [{ glob: "**/*.log" }, { glob: "*.csv" }] } },
    {
      type: "collect",
      body: {
        sources: [{ file: "orders.csv" }],
        cursor: {
          source: 0,
          path: "orders.csv",
          at: { offset: 40, line: 2, size: 100, digest: "0".repeat(64) },
        },
      },
    },
    { type: "scan", body: { settle_ms: 0 } },
  ],
  analyzer: [
    ...AGENT,
    ...PAGES.map((page) => ({ type: "analyze", body: { page } as unknown as JsonObject })),
    { type: "combine", body: { partials: PARTIALS } as unknown as JsonObject },
    { type: "merge", body: { partials: PARTIALS.slice(0, 2) } as unknown as JsonObject },
  ],
  reporter: [
    ...AGENT,
    { type: "report", body: analysis() as unknown as JsonObject },
    {
      type: "report",
      body: analysis({
        news: {
          appeared: ["a"],
          silent: [{ id: "z", text: "gone <*>", usual: 4 }],
          changed: [{ kind: "rate", subject: "b", text: "b <*>", usual: 0.1, now: 0.4 }],
        },
      }) as unknown as JsonObject,
    },
    { type: "read", body: { task: "f1", format: "html" } },
  ],
};

/** Returns an example of each type that a role answers, and of a type that does not exist. */
export function requestsOf(role: Role): Example[] {
  return [...ANY, ...BY_ROLE[role]];
}

/** Returns an example as a whole request. */
export function requestOf({ type, body }: Example, id: string, timeoutMs?: number): JsonObject {
  return {
    v: 1,
    id,
    type,
    ...(timeoutMs === undefined ? {} : { timeout_ms: timeoutMs }),
    ...(body === undefined ? {} : { body }),
  };
}
