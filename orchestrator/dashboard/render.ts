/**
 * A view as text. Pure: a view enters, lines leave. Text from outside is made printable first.
 *
 * @module
 */
import { duration } from "../../lib/duration.ts";
import { printable } from "../../lib/printable.ts";
import type { AgentState } from "../run/agents.ts";
import type { Task } from "../tasks/task.ts";
import { fit, pad } from "./fit.ts";
import { type Painter, painter } from "./painter.ts";
import type { View } from "./view.ts";

/** No line of a block is wider. */
export const BLOCK_COLUMNS = 160;
/** Ended tasks of each kind in a block. */
const BLOCK_ENDED_MAX = 3;
/** Shorter waits are normal, so the dashboard does not show them. */
const LONG_WAIT_MS = 10_000;

/** What the terminal takes. */
export interface RenderOptions {
  readonly columns: number;
  readonly colour: boolean;
}

/** Returns the whole dashboard, for a terminal on which it is redrawn. */
export function renderDashboard(view: View, { columns, colour }: RenderOptions): string[] {
  const paint = painter(colour);
  const tasks = (tasks: readonly Task[]): string[] =>
    tasks.length === 0 ? ["   none"] : tasks.map((task) => taskLine(task, paint));
  const lines = [
    titleLine(view, paint),
    "",
    paint.dim("AGENTS"),
    ...view.agents.flatMap((agent) => agentLines(agent, paint)),
    "",
    paint.dim("RUNNING"),
    ...tasks(view.running),
    "",
    paint.dim("DONE"),
    ...tasks(view.done),
  ];
  if (view.failed.length > 0) lines.push("", paint.dim("FAILED"), ...tasks(view.failed));
  return lines.map((line) => fit(line, columns));
}

/** Returns a few lines without colours, for a log that is read from top to bottom. */
export function renderBlock(view: View): string[] {
  const { tasks, waiting, agents, running, done, failed } = view;
  const agentStates = agents.map(({ agent, paused, addresses }) => {
    const up = addresses.some(({ up }) => up) ? "up" : "down";
    return `${printable(agent, 40)} ${paused === null ? up : "paused"}`;
  });
  const title = [
    `── queue ${waiting}`,
    `running ${activeTasks(view)}`,
    `done ${tasks.done}`,
    `failed ${tasks.dead}`,
    ...agentStates,
    ...view.paused.map((name) => `pipeline ${printable(name, 40)} paused`),
  ].join(" · ");
  const ended = [...done.slice(0, BLOCK_ENDED_MAX), ...failed.slice(0, BLOCK_ENDED_MAX)];
  const paint = painter(false);
  return [title, ...[...running, ...ended].map((task) => taskLine(task, paint))]
    .map((line) => fit(line, BLOCK_COLUMNS));
}

/** Returns one line about a task. */
export function taskLine(task: Task, paint: Painter): string {
  const signs = {
    queued: paint.dim("…"),
    running: paint.yellow("▸"),
    retry_wait: paint.yellow("↻"),
    cancelling: paint.yellow("▸"),
    done: paint.green("✓"),
    dead: paint.red("✗"),
    cancelled: paint.dim("–"),
  };
  const sign = signs[task.state] ?? "?"; // a newer orchestrator may have further states
  const name = printable(task.label === "" ? task.pipeline : task.label, 40);
  const about = task.headline ??
    (task.error === null ? "" : `${task.error.code}: ${task.error.message}`);
  return ` ${sign} ${printable(task.task, 64)}  ${pad(stageText(task), 16)} ` +
    `${pad(duration(task.spent_ms), 8)} ${pad(name, 26)} ${printable(about, 200)}`;
}

function stageText({ state, stage, pages, ended_at }: Task): string {
  if (state === "done") return "done";
  const name = printable(state === "running" ? stage ?? "starting" : state, 40);
  return pages > 0 && ended_at === null ? `${name} page ${pages}` : name;
}

function titleLine(view: View, paint: Painter): string {
  const { tasks, waiting, oldestMs, paused } = view;
  const counts = `up ${duration(view.uptimeMs)}   queue ${waiting}   running ${activeTasks(view)}` +
    `   done ${tasks.done}   failed ${tasks.dead}   cancelled ${tasks.cancelled}`;
  const warnings = [
    ...(oldestMs < LONG_WAIT_MS ? [] : [paint.yellow(`longest wait ${duration(oldestMs)}`)]),
    ...paused.map((name) => `${printable(name, 40)} ${paint.yellow("paused")}`),
  ];
  return [`${paint.bold("BATON")}  ${counts}`, ...warnings].join("   ");
}

function activeTasks({ tasks }: View): number {
  return tasks.running + tasks.retry_wait + tasks.cancelling;
}

function agentLines(agent: AgentState, paint: Painter): string[] {
  const { paused, done, failed, last } = agent;
  const name = pad(printable(agent.agent, 40), 12);
  const latest = last === null
    ? "nothing yet"
    : `last ${printable(last.id, 60)} ${printable(last.error ?? "ok", 60)}, ` +
      `${duration(last.ms_ago)} ago`;
  return agent.addresses.map(({ address, up, in_flight, error }) => {
    const work = `${in_flight} in flight, ${done} done, ${failed} failed; ${latest}`;
    const [sign, state] = paused !== null
      ? [paint.yellow("●"), `paused  ${work}`]
      : up
      ? [paint.green("●"), `up    ${work}`]
      : [paint.red("○"), `down  ${printable(error ?? "", 200)}`];
    return ` ${sign} ${name} ${pad(printable(address, 40), 18)} ${state}`;
  });
}
