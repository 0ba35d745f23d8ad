/**
 * Views for tests: empty, busy, and full of hostile text.
 *
 * @module
 */
import type { Ask, View } from "../../../orchestrator/dashboard/view.ts";
import type { AgentState } from "../../../orchestrator/run/agents.ts";
import { type State, STATES, type Task } from "../../../orchestrator/tasks/task.ts";

export const NONE = Object.fromEntries(STATES.map((state) => [state, 0])) as Record<State, number>;

export const SINCE = "2026-11-01T00:00:00.000Z";

export const EMPTY: View = {
  uptimeMs: 0,
  waiting: 0,
  oldestMs: 0,
  tasks: NONE,
  agents: [],
  paused: [],
  running: [],
  done: [],
  failed: [],
};

export function task(state: State, more: Partial<Task> = {}): Task {
  return {
    task: "tmibzq3c12abcd",
    pipeline: "report",
    label: "shop.log",
    key: null,
    digest: "0",
    state,
    stage: "analyze",
    failed_attempts: 0,
    pages: 3,
    submitted_at: "2026-11-01T00:00:00.000Z",
    started_at: null,
    ended_at: ["done", "dead", "cancelled"].includes(state) ? "2026-11-01T00:00:01.000Z" : null,
    deadline_ms: 600_000,
    spent_ms: 1_234,
    events: 5,
    error: null,
    headline: null,
    ...more,
  };
}

export function agent(name: string, up: boolean, more: Partial<AgentState> = {}): AgentState {
  return {
    agent: name,
    paused: null,
    addresses: [{
      address: `${name}:7101`,
      name: up ? `${name}-1` : null,
      up,
      in_flight: 2,
      answered_ms_ago: up ? 5 : null,
      cooldown_ms: 0,
      error: up ? null : "Cannot connect: refused",
    }],
    done: 7,
    failed: 1,
    last: { id: "t1.collect.0", ms_ago: 80, error: null },
    ...more,
  };
}

export const BUSY: View = {
  uptimeMs: 3_723_000,
  waiting: 12,
  oldestMs: 75_000,
  tasks: { ...NONE, running: 1, retry_wait: 1, cancelling: 1, queued: 12, done: 4, dead: 1 },
  agents: [agent("collector", true), agent("analyzer", false), agent("reporter", true)],
  paused: [],
  running: [task("running"), task("retry_wait"), task("cancelling")],
  done: [task("done", { headline: "120 lines, 2 new" })],
  failed: [
    task("dead", {
      error: { code: "handler_failed", message: "no luck", retry: "now", maybe_done: false },
    }),
    task("cancelled"),
  ],
};

/** Texts that would control a terminal, or are wider or narrower than their length. */
export const HOSTILE = [
  "a\nb\rc\td\x00e\x1b[2Jf\x1b]0;title\x07g\x08\x7f",
  "\u009b31mC1\u0085\u009d",
  "left \u202eright\u202c \u2066iso\u2069 \u200f",
  "\u2028line\u2029",
  "\ud800 lone",
  "x".repeat(10_000),
  "日本語のログファイル".repeat(50),
  "e\u0301".repeat(300),
  "👩‍👩‍👧‍👦🇩🇪👍🏽".repeat(40),
];

export function hostile(text: string): View {
  const error = { code: "internal", message: text, retry: "no", maybe_done: false } as const;
  const down = agent("collector", false);
  const addresses = [{ ...down.addresses[0], address: text, error: text }];
  return {
    ...BUSY,
    paused: [text],
    agents: [
      { ...down, agent: text, addresses },
      agent("analyzer", true, { last: { id: text, ms_ago: 1, error: text } }),
    ],
    running: [
      task("running", { task: text, label: text, stage: text }),
      task("retry_wait", { error, state: text as State }),
    ],
    done: [task("done", { headline: text, label: text })],
    failed: [task("dead", { error, label: text })],
  };
}

// deno-lint-ignore no-control-regex -- colours are escape codes
export const COLOURS = /\x1b\[\d+m/g;
export const CONTROLS = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\p{Cs}]/u;

/** An API with these tasks and one pipeline. */
export function api(done: Task[], paused: string | null = null): Ask {
  return (type, body) => {
    switch (type) {
      case "stats":
        return Promise.resolve({
          uptime_ms: 1,
          waiting: 0,
          oldestMs: 0,
          tasks: { ...NONE, done: done.length },
        });
      case "agents":
        return Promise.resolve({ agents: [] });
      case "pipelines":
        return Promise.resolve({ pipelines: [{ name: "report", paused }] });
      case "list":
        return Promise.resolve({
          tasks: (body.states as string[])[0] === "done" ? [...done] : [],
        });
      default:
        return Promise.resolve({
          state: "done",
          result: { markdown: `# Report of ${body.task}\n\n\x1b[2Jtext\n` + "line\n".repeat(30) },
        });
    }
  };
}
