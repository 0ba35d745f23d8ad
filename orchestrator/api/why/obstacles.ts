/**
 * What holds a task up now.
 *
 * @module
 */
import { duration } from "../../../lib/duration.ts";
import { callsOf } from "../../run/pipelines.ts";
import type { QueuePosition } from "../../run/scheduler.ts";
import type { TaskEvent } from "../../tasks/task.ts";
import { type OpenFailure, openFailureText } from "./failures.ts";
import { ago, callsOfTask, callText, type TaskFacts } from "./task_facts.ts";

/**
 * Returns a line for each thing that a task which has not ended waits for.
 *
 * @param events since the task was last queued
 * @param failures the open ones among these events
 */
export function obstacles(
  facts: TaskFacts,
  events: readonly TaskEvent[],
  failures: readonly OpenFailure[],
): string[] {
  const { task, place } = facts;
  if (place !== undefined) return [turnText(facts, place, events)];
  if (task.state === "cancelling") return ["its work is being stopped", ...inFlightLines(facts)];
  const needed = new Set([
    ...failures.flatMap(({ isAway, call }) => isAway ? [call.agent] : []),
    ...callsOfTask(facts).filter(({ name }) => name === task.stage).map(({ agent }) => agent),
  ]);
  return [
    ...agentsOfStage(facts).flatMap((agent) => pausedLine(facts, agent)),
    ...[...needed].flatMap((agent) => downLine(facts, agent)),
    ...failures.map((failure) => openFailureText(facts, events, failure)),
    ...inFlightLines(facts),
  ];
}

function turnText(facts: TaskFacts, place: QueuePosition, events: readonly TaskEvent[]): string {
  const { ahead, running, slots } = place;
  const { task, pipelinePaused, now } = facts;
  const [queued] = events;
  const time = task.state === "queued" && queued !== undefined ? ` ${ago(queued, now)}` : "";
  if (pipelinePaused !== null && task.state !== "cancelling") {
    const paused = pausedText(pipelinePaused, now);
    return `waiting${time} for its turn: pipeline ${task.pipeline} is ${paused}`;
  }
  const others = ahead === 1 ? "1 task is ahead" : `${ahead === 0 ? "no" : ahead} tasks are ahead`;
  return `waiting${time} for its turn: ${running} of ${slots} slots are taken, ${others}`;
}

function inFlightLines({ task, inFlight }: TaskFacts): string[] {
  return inFlight.map(({ id, name, ms }) => {
    const parts = id.slice(task.task.length + 1).split(".");
    if (/^r\d+$/.test(parts[0])) parts.shift(); // which run of the call it is
    return `${name} has worked on ${callText(parts[0], parts[1])} for ${duration(ms)}`;
  });
}

function downLine({ agents }: TaskFacts, name: string): string[] {
  const agent = agents.find(({ agent }) => agent === name);
  if (agent === undefined || agent.addresses.some(({ up }) => up)) return [];
  const errors = new Set(agent.addresses.map(({ error }) => error));
  return [`waiting for ${name}: none of its addresses is up (${[...errors].join("; ")})`];
}

function pausedLine({ agents, now }: TaskFacts, name: string): string[] {
  const since = agents.find(({ agent }) => agent === name)?.paused ?? null;
  return since === null ? [] : [`waiting for ${name}: it is ${pausedText(since, now)}`];
}

function pausedText(since: string, now: number): string {
  return `paused since ${since}, for ${ago({ at: since }, now)}`;
}

/** The agents that the task may need now. In the stage of pages it may need each of that stage's. */
function agentsOfStage({ task, pipeline }: TaskFacts): string[] {
  const stages = (pipeline?.stages ?? []).map((stage) => callsOf({ name: "", stages: [stage] }));
  const calls = stages.find((calls) => calls.some(({ name }) => name === task.stage)) ?? stages[0];
  return [...new Set(calls?.map(({ agent }) => agent))];
}
