/**
 * The subcommands `watch` and `result`: follow a task to its end, event by event.
 *
 * @module
 */
import { duration } from "../../lib/duration.ts";
import { EXIT, ExitError } from "../../lib/exit.ts";
import type { JsonObject } from "../../lib/json.ts";
import { printable, printableLines } from "../../lib/printable.ts";
import { stderr, stdout } from "../../lib/process/program.ts";
import type { Values } from "../../lib/process/settings.ts";
import { fit } from "../dashboard/fit.ts";
import { canRedraw, terminalSize, withoutWrapping } from "../dashboard/terminal.ts";
import { isFinal, type State, type TaskEvent } from "../tasks/task.ts";
import type { CLIENT, RESULT } from "./flags.ts";
import type { Remote } from "./remote.ts";
import { show, showJson } from "./show.ts";

/** How long one request waits for further events. */
const POLL_MS = 25_000;
const PROGRESS_MS = 250;
const ERASE_LINE = "\r\x1b[2K";

/** `watch TASK`: prints a task's events until it has ended. The exit code is 1 unless it is done. */
export async function watch(
  remote: Remote,
  [task]: string[],
  { json }: Values<typeof CLIENT>,
): Promise<number> {
  const state = await follow(remote, task, Infinity, (event) => {
    show(
      json,
      event as JsonObject,
      () => [`${printable(event.at.slice(11, 23))}  ${eventText(event)}`],
    );
  });
  return state === "done" ? EXIT.done : EXIT.failed;
}

/** `result TASK`: prints a task's result; with `--wait` it waits for the task's end first. */
export async function result(
  remote: Remote,
  [task]: string[],
  { wait, json }: Values<typeof RESULT>,
): Promise<number> {
  return await showResult(remote, task, wait, json);
}

/**
 * Shows a task's progress until it has ended, at most `seconds`, then prints its result.
 *
 * @throws {ExitError} `failed` if the task is dead or cancelled, `timed_out` if it has not ended
 */
export async function showResult(
  remote: Remote,
  task: string,
  seconds: number,
  json: boolean,
): Promise<number> {
  {
    using progress = new ProgressLine(task);
    await follow(remote, task, seconds * 1_000, (event) => progress.show(event));
  }
  const reply = await remote.askAgain("result", { task });
  const { state, result, error } = reply as { state: State; result: JsonObject; error: JsonObject };
  if (json) showJson(reply);
  else if (typeof result?.markdown === "string") {
    stdout.write(printableLines(result.markdown) + "\n");
  } else if (result !== null) showJson(result);
  if (state === "done") return EXIT.done;
  if (!isFinal(state)) {
    throw new ExitError("timed_out", `Cannot wait longer: ${task} is ${state}; ask again later`);
  }
  throw new ExitError("failed", `${task} is ${state}: ${error?.code}: ${error?.message}`);
}

/**
 * Calls `onEvent` once for each event of a task, in order, until the task has ended or `ms` are over.
 * Returns the task's state.
 */
export async function follow(
  remote: Pick<Remote, "askAgain">,
  task: string,
  ms: number,
  onEvent: (event: TaskEvent) => void,
): Promise<State> {
  const deadline = performance.now() + ms;
  for (let after = 0;;) {
    const wait_ms = Math.max(0, Math.min(POLL_MS, Math.round(deadline - performance.now())));
    const reply = await remote.askAgain("events", { task, after, wait_ms }, wait_ms);
    const events = reply.events as unknown as TaskEvent[];
    for (const event of events) onEvent(event);
    after = events.at(-1)?.seq ?? after;
    const state = reply.state as State;
    const hasAll = after >= (reply.last as number); // a reply may leave out events that do not fit
    if ((isFinal(state) && hasAll) || wait_ms === 0) return state;
  }
}

/** A line on stderr that says how far a task is. It is drawn on a terminal alone. */
class ProgressLine implements Disposable {
  readonly #task: string;
  readonly #startedAt = performance.now();
  readonly #isTerminal = canRedraw(Deno.stderr);
  readonly #timer = setInterval(() => this.#draw(), PROGRESS_MS);
  #text = "queued";

  constructor(task: string) {
    this.#task = task;
  }

  /** Shows the task's latest event. */
  show(event: TaskEvent): void {
    this.#text = eventText(event);
    this.#draw();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    if (this.#isTerminal) stderr.write(ERASE_LINE);
  }

  #draw(): void {
    if (!this.#isTerminal) return;
    const elapsed = duration(performance.now() - this.#startedAt);
    const line = `${printable(this.#task)}  ${elapsed}  ${this.#text}`;
    stderr.write(ERASE_LINE + withoutWrapping(fit(line, terminalSize().columns)));
  }
}

/** Returns an event in words, such as `stage done  merge  in 12 ms`. */
export function eventText({ kind, stage, page, ms, wait_ms, error }: TaskEvent): string {
  const parts = [kind.replace("_", " ")];
  if (kind === "retried" && stage !== undefined) parts.push("from");
  if (stage !== undefined) parts.push(stage);
  if (page !== undefined) parts.push(`page ${page}`);
  if (ms !== undefined) parts.push(`in ${duration(ms)}`);
  if (error !== undefined) parts.push(`${error.code}: ${printable(String(error.message), 200)}`);
  if (wait_ms !== undefined) parts.push(`next try in ${duration(wait_ms)}`);
  return printable(parts.join("  "));
}
