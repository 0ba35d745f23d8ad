/**
 * The subcommands that ask a running orchestrator.
 *
 * @module
 */
import { CodedError } from "../../lib/errors.ts";
import { EXIT, ExitError } from "../../lib/exit.ts";
import { stderr, stdout } from "../../lib/process/program.ts";
import { printable, printableJson, printableLines } from "../../lib/printable.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { AgentState } from "../run/agents.ts";
import {
  asBlocks,
  asJson,
  canRedraw,
  inPlace,
  showDashboard,
  TerminalScreen,
  terminalSize,
  unwrapped,
} from "../dashboard/console.ts";
import { duration } from "../../lib/duration.ts";
import { type Ask, fit, painter, taskLine } from "../dashboard/dashboard.ts";
import type { Remote } from "./remote.ts";
import { isFinal, type State, STATES, type Task, type TaskEvent } from "../tasks/task.ts";

/** How long one question may wait for something to happen. */
const POLL_MS = 25_000;
const BYTES_OF_STDIN_MAX = 1024 * 1024;
/** A task whose time is over is given so long to end. */
const END_S = 5;

const paint = painter(canRedraw(Deno.stdout) && !Deno.noColor);

export interface SubmitFlags {
  readonly text: string | undefined;
  readonly stream: string | undefined;
  readonly input: JsonObject | undefined;
  readonly pipeline: string;
  readonly label: string | undefined;
  readonly key: string | undefined;
  readonly deadline: number;
  readonly "only-new": boolean;
  readonly wait: boolean;
  readonly json: boolean;
}

/** Submits files of the inbox, a text, or any input; with `wait`, shows its progress and its result. */
export async function submit(
  remote: Remote,
  files: readonly string[],
  flags: SubmitFlags,
): Promise<number> {
  const { pipeline, key, deadline, wait, json } = flags;
  const input = flags.input ?? await collectInput(files, flags);
  const label = flags.label ?? (files.length > 0 ? files.join(" ") : "text");
  const body = { pipeline, input, label: label.slice(0, 200), deadline_ms: deadline * 1_000 };
  const task = await remote.ask("submit", key === undefined ? body : { ...body, key });
  if (wait) return await showResult(remote, task.task as string, deadline + END_S, json);
  if (json) print(task);
  else stdout.write(`${printable(String(task.task))}\n`);
  return EXIT.done;
}

/** Prints one task. */
export async function get(remote: Remote, task: string, json: boolean): Promise<number> {
  const found = await remote.ask("get", { task });
  if (json) print(found);
  else stdout.write(taskLine(found as unknown as Task, paint).trim() + "\n");
  return EXIT.done;
}

/** Prints tasks, newest first. */
export async function list(
  remote: Remote,
  { state, limit, json }: { state: string | undefined; limit: number; json: boolean },
): Promise<number> {
  const states = state === undefined ? STATES : state.split(",");
  const { tasks } = await remote.ask("list", { states: [...states], limit });
  if (json) print({ tasks });
  else for (const task of tasks as unknown as Task[]) stdout.write(taskLine(task, paint) + "\n");
  return EXIT.done;
}

/** Prints what happens to a task until it has ended. */
export async function watch(remote: Remote, task: string, json: boolean): Promise<number> {
  const state = await follow(remote, task, Infinity, (event) => {
    if (json) print(event as JsonObject);
    else stdout.write(eventLine(event) + "\n");
  });
  return state === "done" ? EXIT.done : EXIT.failed;
}

/** Prints a task's result; waits for its end for as long as asked. */
export async function result(
  remote: Remote,
  task: string,
  { wait, json }: { wait: number; json: boolean },
): Promise<number> {
  return await showResult(remote, task, wait, json);
}

/** Ends a task. */
export async function cancel(remote: Remote, task: string, json: boolean): Promise<number> {
  const ended = await remote.ask("cancel", { task });
  if (json) print(ended);
  else stdout.write(printable(`${task} ${ended.state}`) + "\n");
  return EXIT.done;
}

/** Tries a dead or cancelled task again. */
export async function retry(
  remote: Remote,
  task: string,
  { from, json }: { from: string | undefined; json: boolean },
): Promise<number> {
  const { events } = await remote.ask("get", { task });
  const body = { task, events, ...(from === undefined ? {} : { from }) };
  const queued = await remote.askAgain("retry", body);
  if (json) print(queued);
  else stdout.write(printable(`${task} ${queued.state}`) + "\n");
  return EXIT.done;
}

/** Prints why a task stands where it does, what holds now first. */
export async function why(remote: Remote, task: string, json: boolean): Promise<number> {
  const reply = await remote.ask("why", { task });
  if (json) print(reply);
  else {
    const [first, ...before] = (reply.because as string[]).map((line) => printable(line, 400));
    stdout.write([first, ...before.map((line) => `  ${line}`)].join("\n") + "\n");
  }
  return EXIT.done;
}

/** Pauses an agent or a pipeline, or lets it go on. */
export async function pauseOrResume(
  remote: Remote,
  type: "pause" | "resume",
  { agent, pipeline, json }: {
    agent: string | undefined;
    pipeline: string | undefined;
    json: boolean;
  },
): Promise<number> {
  if ((agent === undefined) === (pipeline === undefined)) {
    throw new ExitError(
      "usage",
      `Cannot ${type} that: name an --agent or a --pipeline, and not both`,
    );
  }
  const body: JsonObject = agent === undefined ? { pipeline: pipeline! } : { agent };
  const reply = await remote.ask(type, body);
  const how = reply.paused === null ? "goes on" : `paused since ${reply.paused}`;
  if (json) print(reply);
  else stdout.write(printable(`${agent ?? pipeline} ${how}`) + "\n");
  return EXIT.done;
}

/** Prints the agents and how each is getting on; fails where one is down. */
export async function agents(remote: Remote, json: boolean): Promise<number> {
  const reply = await remote.ask("agents", {});
  const states = reply.agents as unknown as AgentState[];
  if (json) print(reply);
  else {
    for (const { agent, paused, addresses, done, failed } of states) {
      for (const { address, up, error, in_flight } of addresses) {
        const going = paused === null ? paint.green("up") : paint.yellow("paused");
        const how = up ? going : `${paint.red("down")}  ${printable(error ?? "", 200)}`;
        const work = printable(`${in_flight} in flight, ${done} done, ${failed} failed`);
        const [name, place] = [printable(agent, 40).padEnd(12), printable(address, 60).padEnd(22)];
        stdout.write(`${name} ${place} ${work}  ${how}\n`);
      }
    }
  }
  const up = states.every(({ addresses }) => addresses.some((address) => address.up));
  return up ? EXIT.done : EXIT.failed;
}

/** Shows the dashboard of a running orchestrator until stopped. */
export async function dashboard(
  remote: Remote,
  stopped: Promise<unknown>,
  json: boolean,
): Promise<number> {
  const ending = new AbortController();
  const ask: Ask = (type, body) => remote.askAgain(type, body);
  const plain = json ? asJson(stdout) : asBlocks(ask, stdout);
  const show = canRedraw(Deno.stdout) && !json ? inPlace(new TerminalScreen(stdout)) : plain;
  await Promise.race([showDashboard(ask, show, ending.signal), stopped]);
  ending.abort();
  return EXIT.done;
}

/** Sends any request and prints its reply. */
export async function call(remote: Remote, type: string, body: JsonObject): Promise<number> {
  print(await remote.ask(type, body));
  return EXIT.done;
}

async function showResult(
  remote: Remote,
  task: string,
  seconds: number,
  json: boolean,
): Promise<number> {
  const onTerminal = canRedraw(Deno.stderr);
  const begun = performance.now();
  let last: TaskEvent | undefined;
  const line = (): void => {
    if (!onTerminal) return;
    const what = last === undefined ? "queued" : eventText(last);
    const told = `${printable(task)}  ${duration(performance.now() - begun)}  ${what}`;
    stderr.write("\r\x1b[2K" + unwrapped(fit(told, terminalSize().columns)));
  };
  const ticker = setInterval(line, 250);
  try {
    await follow(remote, task, seconds * 1_000, (event) => {
      last = event;
      line();
    });
  } finally {
    clearInterval(ticker);
    if (onTerminal) stderr.write("\r\x1b[2K");
  }
  const reply = await remote.askAgain("result", { task });
  const { state, result, error } = reply as { state: State; result: JsonObject; error: JsonObject };
  if (json) print(reply);
  else if (typeof result?.markdown === "string") {
    stdout.write(printableLines(result.markdown) + "\n");
  } else if (result !== null) print(result);
  if (state === "done") return EXIT.done;
  if (!isFinal(state)) {
    throw new ExitError("timed_out", `Cannot wait longer: ${task} is ${state}; ask again later`);
  }
  throw new ExitError("failed", `${task} is ${state}: ${error?.code}: ${error?.message}`);
}

/** Tells each event of a task once, in order, until it has ended or the time is over. */
async function follow(
  remote: Remote,
  task: string,
  ms: number,
  onEvent: (event: TaskEvent) => void,
): Promise<State> {
  const due = performance.now() + ms;
  for (let after = 0;;) {
    const wait_ms = Math.max(0, Math.min(POLL_MS, Math.round(due - performance.now())));
    const reply = await remote.askAgain("events", { task, after, wait_ms }, wait_ms);
    const events = reply.events as unknown as TaskEvent[];
    for (const event of events) onEvent(event);
    after = events.at(-1)?.seq ?? after;
    const state = reply.state as State;
    const all = after >= (reply.last as number);
    if ((isFinal(state) && all) || wait_ms === 0) return state;
  }
}

function eventLine(event: TaskEvent): string {
  return `${printable(event.at.slice(11, 23))}  ${eventText(event)}`;
}

function eventText({ kind, stage, page, ms, wait_ms, error }: TaskEvent): string {
  const parts = [kind.replace("_", " ")];
  if (kind === "retried" && stage !== undefined) parts.push("from");
  if (stage !== undefined) parts.push(stage);
  if (page !== undefined) parts.push(`page ${page}`);
  if (ms !== undefined) parts.push(`in ${duration(ms)}`);
  if (error !== undefined) parts.push(`${error.code}: ${printable(String(error.message), 200)}`);
  if (wait_ms !== undefined) parts.push(`next try in ${duration(wait_ms)}`);
  return printable(parts.join("  "));
}

async function collectInput(files: readonly string[], flags: SubmitFlags): Promise<JsonObject> {
  const sources: JsonObject[] = [];
  for (const file of files) {
    if (file === "-") sources.push({ text: await readStdin(), name: flags.stream ?? "stdin" });
    else sources.push(/[*?[{]/.test(file) ? { glob: file } : { file });
  }
  if (flags.text !== undefined) sources.push({ text: flags.text, name: flags.stream ?? "text" });
  if (sources.length === 0) {
    throw new ExitError("usage", "Cannot submit nothing: name files of the inbox, - or --text");
  }
  const input: JsonObject = { sources };
  if (flags.stream !== undefined) input.stream = flags.stream;
  if (flags["only-new"]) input.only_new = true;
  return input;
}

async function readStdin(): Promise<string> {
  const decoder = new TextDecoder();
  let text = "", bytes = 0;
  for await (const part of Deno.stdin.readable) {
    text += decoder.decode(part, { stream: true });
    bytes += part.length;
    if (bytes > BYTES_OF_STDIN_MAX) {
      throw new ExitError("usage", "Cannot take more than 1 MiB from stdin: put it in the inbox");
    }
  }
  return text + decoder.decode();
}

function print(value: JsonObject): void {
  stdout.write(printableJson(value, Deno.stdout.isTerminal() ? 2 : undefined) + "\n");
}

/** The exit code that an error of the API gives a command. */
export function exitReason({ code }: CodedError): "unreachable" | "timed_out" | "refused" {
  if (code === "agent_unreachable") return "unreachable";
  return code === "deadline_exceeded" ? "timed_out" : "refused";
}
