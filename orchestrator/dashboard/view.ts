/**
 * Everything that a dashboard shows, as the API answers it.
 *
 * @module
 */
import type { Json, JsonObject } from "../../lib/json.ts";
import type { AgentState } from "../run/agents.ts";
import type { State, Task } from "../tasks/task.ts";

const ENDED_TASKS_MAX = 5;
const RUNNING_TASKS_MAX = 10;

/** What a dashboard shows at one moment. */
export interface View {
  readonly uptimeMs: number;
  /** Tasks in the queue. */
  readonly waiting: number;
  /** Age of the oldest runnable task, in milliseconds. */
  readonly oldestMs: number;
  /** Number of tasks in each state. */
  readonly tasks: Readonly<Record<State, number>>;
  readonly agents: readonly AgentState[];
  /** Names of paused pipelines. */
  readonly paused: readonly string[];
  /** Newest first, as are `done` and `failed`; each has the latest few alone. */
  readonly running: readonly Task[];
  readonly done: readonly Task[];
  /** Dead or cancelled. */
  readonly failed: readonly Task[];
}

/** Asks the API, in this process or over a connection; returns the reply's body. */
export type Ask = (type: string, body: JsonObject) => Promise<JsonObject>;

/** Asks the API for everything that a view needs. Throws what `ask` throws. */
export async function fetchView(ask: Ask): Promise<View> {
  const list = async (states: State[], limit: number): Promise<Task[]> =>
    (await ask("list", { states, limit })).tasks as Json as unknown as Task[];
  const [stats, { agents }, { pipelines }, running, done, failed] = await Promise.all([
    ask("stats", {}),
    ask("agents", {}),
    ask("pipelines", {}),
    list(["running", "retry_wait", "cancelling"], RUNNING_TASKS_MAX),
    list(["done"], ENDED_TASKS_MAX),
    list(["dead", "cancelled"], ENDED_TASKS_MAX),
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

/** Returns a text that changes if something has happened, and not merely because time passes. */
export function signature(view: View): string {
  return JSON.stringify([
    view.waiting,
    view.tasks,
    view.agents.map(({ paused, addresses }) => [paused, ...addresses.map(({ up }) => up)]),
    view.paused,
    view.running.map(({ task, state, stage, failed_attempts }) => [
      task,
      state,
      stage,
      failed_attempts,
    ]),
  ]);
}
