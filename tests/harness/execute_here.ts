import type { Agent } from "../../agents/define.ts";
import { type Execute, executeInThread } from "../../agents/runtime/execute.ts";
import { unlessAborted } from "../../lib/abort.ts";

/** Runs handlers in the test's own thread. A handler can't be ended there: at an abort it is given up. */
export function executeHere(agent: Agent): Execute {
  const execute = executeInThread(agent);
  return (work, memory, signal) => unlessAborted(execute(work, memory, signal), signal);
}
