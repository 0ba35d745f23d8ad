/**
 * Why a task stands where it does, in plain words. Pure: what is known in, lines out.
 *
 * @module
 */
import type { InFlight } from "../../lib/client/link.ts";
import type { WireError } from "../../lib/wire/protocol.ts";
import type { AgentState } from "../run/agents.ts";
import { duration } from "../../lib/duration.ts";
import { type Call, callsOf, type Pipeline } from "../run/pipelines.ts";
import { AWAY } from "../run/run_task.ts";
import type { Place } from "../run/scheduler.ts";
import { isFinal, type Task, type TaskEvent } from "../tasks/task.ts";

/** Lines of history behind what holds now. */
const HISTORY_MAX = 20;

export interface TaskFacts {
  readonly task: Task;
  /** Oldest first. */
  readonly events: readonly TaskEvent[];
  /** Nothing where there is no such pipeline any more. */
  readonly pipeline: Pipeline | undefined;
  /** Where it stands among those that wait; nothing where it does not wait for its turn. */
  readonly place: Place | undefined;
  /** Since when its pipeline is paused. */
  readonly pipelinePaused: string | null;
  readonly agents: readonly AgentState[];
  /** Its calls that are under way. */
  readonly asked: readonly InFlight[];
  /** Milliseconds of the wall's clock. */
  readonly now: number;
}

/** The chain of decisions, newest first: what holds now, then how it came to that. */
export function explain(known: TaskFacts): string[] {
  const { task, events } = known;
  const begin = events.findLastIndex(({ kind }) => kind === "submitted" || kind === "retried");
  const since = events.slice(Math.max(0, begin));
  const now = isFinal(task.state) ? [] : holds(known, since);
  // How it ended before it was retried belongs to why it runs.
  const told = events[begin]?.kind === "retried" ? events.slice(Math.max(0, begin - 1)) : since;
  return [...now, ...history(known, told).slice(0, HISTORY_MAX)];
}

function holds(known: TaskFacts, since: readonly TaskEvent[]): string[] {
  const { task, place } = known;
  if (place !== undefined) return [turn(known, place, since)];
  if (task.state === "cancelling") return ["its work is being stopped", ...underWay(known)];
  const trouble = pending(known, since);
  const away = new Set([
    ...trouble.flatMap(({ isAway, call }) => isAway ? [call.agent] : []),
    ...callsOfTask(known).filter(({ name }) => name === task.stage).map(({ agent }) => agent),
  ]);
  const down = [...away].flatMap((agent) => downLine(known, agent));
  const paused = agentsOfStage(known).flatMap((agent) => pausedLine(known, agent));
  return [...paused, ...down, ...trouble.map(({ line }) => line), ...underWay(known)];
}

function turn(known: TaskFacts, place: Place, since: readonly TaskEvent[]): string {
  const { ahead, running, slots } = place;
  const { task, pipelinePaused, now } = known;
  const [first] = since;
  const long = task.state === "queued" && first !== undefined ? ` ${ago(first, now)}` : "";
  if (pipelinePaused !== null && task.state !== "cancelling") {
    const paused = pausedText(pipelinePaused, now);
    return `waiting${long} for its turn: pipeline ${task.pipeline} is ${paused}`;
  }
  const others = ahead === 1 ? "1 task is ahead" : `${ahead === 0 ? "no" : ahead} tasks are ahead`;
  return `waiting${long} for its turn: ${running} of ${slots} slots are taken, ${others}`;
}

function underWay({ task, asked }: TaskFacts): string[] {
  return asked.map(({ id, name, ms }) => {
    const words = id.slice(task.task.length + 1).split(".");
    if (/^r\d+$/.test(words[0])) words.shift();
    return `${callText(words[0], words[1])} is with ${name} for ${duration(ms)}`;
  });
}

function downLine({ agents }: TaskFacts, name: string): string[] {
  const agent = agents.find(({ agent }) => agent === name);
  if (agent === undefined || agent.addresses.some(({ up }) => up)) return [];
  const why = [...new Set(agent.addresses.map(({ error }) => error))].join("; ");
  return [`waiting for ${name}: none of its addresses is up (${why})`];
}

function pausedLine({ agents, now }: TaskFacts, name: string): string[] {
  const since = agents.find(({ agent }) => agent === name)?.paused ?? null;
  return since === null ? [] : [`waiting for ${name}: it is ${pausedText(since, now)}`];
}

function pausedText(since: string, now: number): string {
  return `paused since ${since}, for ${ago({ at: since }, now)}`;
}

/** Those that it may need now: where it is at pages, all that work on pages. */
function agentsOfStage({ task, pipeline }: TaskFacts): string[] {
  const stages = (pipeline?.stages ?? []).map((stage) => callsOf({ name: "", stages: [stage] }));
  const calls = stages.find((calls) => calls.some(({ name }) => name === task.stage)) ?? stages[0];
  return [...new Set(calls?.map(({ agent }) => agent))];
}

interface Trouble {
  readonly call: Call;
  readonly isAway: boolean;
  readonly line: string;
}

/** What has failed last of each call and page that has not gone on since. */
function pending(known: TaskFacts, since: readonly TaskEvent[]): Trouble[] {
  const open = new Map<string, TaskEvent>();
  for (const event of since) {
    const { kind, page } = event;
    if (kind === "attempt_failed") open.set(`${event.stage} ${page}`, event);
    // A page that is through has gone through all of its calls; another stage, all of its pages.
    else if (kind === "page_done") { for (const key of endedBy(open, page)) open.delete(key); }
    else if (kind === "started" || kind === "stage_done") open.clear();
  }
  return [...open.values()].flatMap((event) => {
    const call = callsOfTask(known).find(({ name }) => name === event.stage);
    const again = known.asked.some(({ id }) => id.endsWith(callId(event)));
    if (call === undefined || again) return [];
    const isAway = AWAY.has((event.error as WireError).code);
    const left = Date.parse(event.at) + (event.wait_ms ?? 0) - known.now;
    // Of an agent that is away only the first refusal is noted: it may be asked at any moment.
    const next = left > 0 ? `; next try in ${duration(left)}` : isAway ? "; it is asked again" : "";
    return [{ call, isAway, line: failed(known, since, event) + next }];
  });
}

function endedBy(open: ReadonlyMap<string, TaskEvent>, page: number | undefined): string[] {
  return [...open.keys()].filter((key) => key.endsWith(` ${page}`));
}

function history(known: TaskFacts, since: readonly TaskEvent[]): string[] {
  const lines: string[] = [];
  const pages = since.filter(({ kind }) => kind === "page_done");
  const waiting = isFinal(known.task.state) ? [] : pending(known, since).map(({ line }) => line);
  for (const event of since.toReversed()) {
    const line = event.kind === "page_done"
      ? event === pages.at(-1) ? through(known, event) : undefined
      : told(known, since, event);
    if (line === undefined || waiting.some((now) => now.startsWith(line))) continue;
    lines.push(line);
  }
  return lines;
}

function through({ task, now }: TaskFacts, last: TaskEvent): string {
  const pages = task.pages === 1 ? "1 page is through" : `${task.pages} pages are through`;
  return `${pages}, the last since ${ago(last, now)}`;
}

function told(
  known: TaskFacts,
  since: readonly TaskEvent[],
  event: TaskEvent,
): string | undefined {
  const { kind, stage, ms, error } = event;
  const when = ago(event, known.now);
  switch (kind) {
    case "submitted":
      return `submitted ${when} ago`;
    case "retried":
      return `retried ${when} ago, ${
        stage === undefined ? "where it had failed" : `from ${stage}`
      }`;
    case "started":
      return `its turn came ${when} ago`;
    case "stage_started":
      return `${stage} began ${when} ago`;
    case "stage_done":
      return `${stage} was done ${when} ago, in ${duration(ms ?? 0)}`;
    case "attempt_failed":
      return failed(known, since, event);
    case "cancelling":
      return `a client cancelled it ${when} ago`;
    case "done":
      return `done ${when} ago`;
    case "cancelled":
      return `cancelled ${when} ago`;
    case "dead": {
      const what = stage === undefined ? "" : `${stage} failed for good: `;
      return `dead: ${what}${errorText(error as WireError)}, ${when} ago`;
    }
  }
}

/** `attempt 2 of 4 of analyze failed 3.0 s ago: handler_failed: …` */
function failed(known: TaskFacts, since: readonly TaskEvent[], event: TaskEvent): string {
  const { stage, page, error } = event;
  const { code } = error as WireError;
  const what = callText(stage!, page);
  const when = ago(event, known.now);
  const text = errorText(error as WireError);
  if (AWAY.has(code)) return `${what} has had to wait since ${when}: ${text}`;
  const started = since.slice(0, since.indexOf(event) + 1);
  const run = started.slice(started.findLastIndex(({ kind }) => kind === "started") + 1);
  const nth =
    run.filter((other) =>
      other.kind === "attempt_failed" && other.stage === stage && other.page === page &&
      !AWAY.has((other.error as WireError).code)
    ).length;
  const most = callsOfTask(known).find(({ name }) => name === stage)?.attempts;
  const of = most === undefined ? "" : ` of ${most}`;
  return `attempt ${nth}${of} of ${what} failed ${when} ago: ${text}`;
}

function callsOfTask({ pipeline }: TaskFacts): Call[] {
  return pipeline === undefined ? [] : callsOf(pipeline);
}

function callId({ stage, page }: TaskEvent): string {
  return page === undefined ? `.${stage}` : `.${stage}.${page}`;
}

function callText(name: string, page: string | number | undefined): string {
  return page === undefined ? name : `${name} of page ${page}`;
}

function errorText({ code, message }: WireError): string {
  return `${code}: ${message}`;
}

/** As `3.0 s`: the word "ago" is the caller's. */
function ago({ at }: { at: string }, now: number): string {
  return duration(Math.max(0, now - Date.parse(at)));
}
