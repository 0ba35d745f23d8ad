import type { LinkCall } from "../../lib/client/link.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { System } from "../../lib/system.ts";
import type { TaskLog } from "../tasks/task_log.ts";
import type { AnswerBudget } from "./answer_budget.ts";
import type { WaitTracker } from "./wait_tracker.ts";

/** What one run of one task works with. */
export interface RunContext {
  /** The task's id. */
  readonly task: string;
  readonly taskLog: TaskLog;
  /** Sends a request to an agent; throws as `Agents.call()` does. */
  readonly call: (
    agent: string,
    type: string,
    body: JsonObject,
    options: LinkCall,
  ) => Promise<JsonObject>;
  /** Aborts with a `CodedError` when the run must end now. */
  readonly signal: AbortSignal;
  /** Whether an agent gets no new requests. */
  readonly isPaused: (agent: string) => boolean;
  /** Throws a `CodedError` if no new call may begin. */
  readonly assertRunning: () => void;
  readonly system: Pick<System, "clock" | "random">;
  /** Is told of each wait of the run. */
  readonly waitTracker: WaitTracker;
  /** Is shared by all tasks. */
  readonly answerBudget: AnswerBudget;
}
