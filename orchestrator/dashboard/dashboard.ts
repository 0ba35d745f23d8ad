/**
 * What is going on, as text. Pure: a view in, lines out.
 *
 * @module
 */
import { duration } from "../../lib/duration.ts";
import { unicodeWidth } from "@std/cli/unicode-width";
import type { Json, JsonObject } from "../../lib/json.ts";
import { printable } from "../../lib/printable.ts";
import type { AgentState } from "../run/agents.ts";
import type { State, Task } from "../tasks/task.ts";

/** Ended tasks that are shown. */
const ENDED_SHOWN = 5;
const RUNNING_SHOWN = 10;
const BLOCK_ENDED = 3;
/** A wait is told of from here on. */
const WAIT_SHOWN_MS = 10_000;
/** No line of a block is longer. */
export const COLUMNS_OF_BLOCK = 160;

/** Everything that is shown, as the API tells it. */
export interface View {
  readonly uptimeMs: number;
  readonly waiting: number;
  /** For how long the task has waited that has done so the longest although it could go on. */
  readonly oldestMs: number;
  readonly tasks: Readonly<Record<State, number>>;
  readonly agents: readonly AgentState[];
  /** Pipelines that are paused. */
  readonly paused: readonly string[];
  /** Newest first. */
  readonly running: readonly Task[];
  readonly done: readonly Task[];
  readonly failed: readonly Task[];
}

/** The API, in this process or over a connection. */
export type Ask = (type: string, body: JsonObject) => Promise<JsonObject>;

/** Asks for a view. */
export async function fetchView(ask: Ask): Promise<View> {
  const list = async (states: State[], limit: number): Promise<Task[]> =>
    (await ask("list", { states, limit })).tasks as Json as unknown as Task[];
  const [stats, { agents }, { pipelines }, running, done, failed] = await Promise.all([
    ask("stats", {}),
    ask("agents", {}),
    ask("pipelines", {}),
    list(["running", "retry_wait", "cancelling"], RUNNING_SHOWN),
    list(["done"], ENDED_SHOWN),
    list(["dead", "cancelled"], ENDED_SHOWN),
  ]);
  return {
    uptimeMs: stats.uptime_ms as number,
    waiting: stats.waiting as number,
    oldestMs: stats.oldest_ms as number,
    tasks: stats.tasks as Record<State, number>,
    agents: agents as unknown as AgentState[],
    paused: (pipelines as { name: string; paused: string | null }[])
      .flatMap(({ name, paused }) => paused === null ? [] : [name]),
    running,
    done,
    failed,
  };
}

export interface RenderOptions {
  readonly columns: number;
  readonly colour: boolean;
}

/** The whole dashboard, for a terminal that is redrawn. */
export function renderDashboard(view: View, look: RenderOptions): string[] {
  const paint = painter(look.colour);
  const { tasks, waiting } = view;
  const active = tasks.running + tasks.retry_wait + tasks.cancelling;
  const lines = [
    paint.bold("BATON") + `  up ${duration(view.uptimeMs)}   queue ${waiting}   running ${active}` +
    `   done ${tasks.done}   failed ${tasks.dead}   cancelled ${tasks.cancelled}` +
    (view.oldestMs < WAIT_SHOWN_MS
      ? ""
      : `   ${paint.yellow(`longest wait ${duration(view.oldestMs)}`)}`) +
    view.paused.map((name) => `   ${printable(name, 40)} ${paint.yellow("paused")}`).join(""),
    "",
    paint.dim("AGENTS"),
    ...view.agents.flatMap((agent) => agentLines(agent, paint)),
    "",
    paint.dim("RUNNING"),
    ...orNone(view.running.map((task) => taskLine(task, paint))),
    "",
    paint.dim("DONE"),
    ...orNone(view.done.map((task) => taskLine(task, paint))),
  ];
  if (view.failed.length > 0) {
    lines.push("", paint.dim("FAILED"), ...view.failed.map((task) => taskLine(task, paint)));
  }
  return lines.map((line) => fit(line, look.columns));
}

/** A few lines without colours, for a log that is read from top to bottom. */
export function renderBlock(view: View): string[] {
  const { tasks, waiting, agents, running, done, failed } = view;
  const states = agents.map(({ agent, paused, addresses }) => {
    const up = addresses.some(({ up }) => up) ? "up" : "down";
    return `${printable(agent, 40)} ${paused === null ? up : "paused"}`;
  });
  const active = tasks.running + tasks.retry_wait + tasks.cancelling;
  const head = [
    `── queue ${waiting}`,
    `running ${active}`,
    `done ${tasks.done}`,
    `failed ${tasks.dead}`,
    ...states,
    ...view.paused.map((name) => `pipeline ${printable(name, 40)} paused`),
  ];
  const shown = [...running, ...done.slice(0, BLOCK_ENDED), ...failed.slice(0, BLOCK_ENDED)];
  return [head.join(" · "), ...shown.map((task) => taskLine(task, painter(false)))]
    .map((line) => fit(line, COLUMNS_OF_BLOCK));
}

/** What of a view is worth a new block when it changes: not the time that passes. */
export function signature(view: View): string {
  return JSON.stringify([
    view.waiting,
    view.tasks,
    view.agents.map(({ paused, addresses }) => [paused, ...addresses.map(({ up }) => up)]),
    view.paused,
    view.running.map((
      { task, state, stage, failed_attempts },
    ) => [task, state, stage, failed_attempts]),
  ]);
}

/** One line about a task. */
export function taskLine(task: Task, paint: Painter): string {
  const sign = {
    queued: paint.dim("…"),
    running: paint.yellow("▸"),
    retry_wait: paint.yellow("↻"),
    cancelling: paint.yellow("▸"),
    done: paint.green("✓"),
    dead: paint.red("✗"),
    cancelled: paint.dim("–"),
  }[task.state];
  const where = task.state === "done" ? "done" : [
    printable(task.state === "running" ? task.stage ?? "starting" : task.state, 40),
    ...(task.pages > 0 && task.ended_at === null ? [`page ${task.pages}`] : []),
  ].join(" ");
  const name = printable(task.label === "" ? task.pipeline : task.label, 40);
  const about = task.headline ??
    (task.error === null ? "" : `${task.error.code}: ${task.error.message}`);
  return ` ${sign ?? "?"} ${printable(task.task, 64)}  ${pad(where, 16)} ${
    pad(duration(task.spent_ms), 8)
  } ${pad(name, 26)} ` +
    printable(about, 200);
}

function agentLines(
  { agent, paused, addresses, done, failed, last }: AgentState,
  paint: Painter,
): string[] {
  const progress = last === null
    ? "nothing yet"
    : `last ${printable(last.id, 60)} ${printable(last.error ?? "ok", 60)}, ${
      duration(last.ms_ago)
    } ago`;
  return addresses.map(({ address, up, in_flight, error }) => {
    const sign = paused !== null ? paint.yellow("●") : up ? paint.green("●") : paint.red("○");
    const state = up || paused !== null
      ? `${
        paused === null ? "up    " : "paused  "
      }${in_flight} in flight, ${done} done, ${failed} failed; ${progress}`
      : `down  ${printable(error ?? "", 200)}`;
    return ` ${sign} ${pad(printable(agent, 40), 12)} ${pad(printable(address, 40), 18)} ${state}`;
  });
}

function orNone(lines: string[]): string[] {
  return lines.length > 0 ? lines : ["   none"];
}

export interface Painter {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly red: (text: string) => string;
}

/** Colours, or none. */
export function painter(colour: boolean): Painter {
  const sgr = (code: number) => (text: string): string =>
    colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  return { bold: sgr(1), dim: sgr(2), green: sgr(32), yellow: sgr(33), red: sgr(31) };
}

function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - unicodeWidth(text)));
}

// deno-lint-ignore no-control-regex -- the colours above, which take no room
const SGR = /(\x1b\[\d+m)/;

/** The line, cut where the terminal ends. */
export function fit(line: string, columns: number): string {
  let shown = "";
  let left = columns - 1;
  for (const part of line.split(SGR)) {
    if (SGR.test(part)) {
      shown += part;
      continue;
    }
    for (const char of part) {
      left -= unicodeWidth(char);
      if (left >= 0) shown += char;
    }
  }
  return shown;
}
