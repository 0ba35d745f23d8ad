/**
 * The short subcommands: each asks a running orchestrator one thing and prints the reply.
 *
 * @module
 */
import { EXIT, ExitError } from "../../lib/exit.ts";
import { printable } from "../../lib/printable.ts";
import { stdout } from "../../lib/process/program.ts";
import { readValue, type Values } from "../../lib/process/settings.ts";
import { asBlocks, asJson, inPlace, showDashboard } from "../dashboard/dashboard.ts";
import { taskLine } from "../dashboard/render.ts";
import { canRedraw } from "../dashboard/terminal.ts";
import { TerminalScreen } from "../dashboard/terminal_screen.ts";
import type { Ask } from "../dashboard/view.ts";
import type { AgentState } from "../run/agents.ts";
import { STATES, type Task } from "../tasks/task.ts";
import { type CLIENT, jsonObject, type LIST, type PAUSE, type RETRY } from "./flags.ts";
import type { Remote } from "./remote.ts";
import { paint, show, showJson } from "./show.ts";

type Flags = Values<typeof CLIENT>;

/** `get TASK`: prints one task. */
export async function get(remote: Remote, [task]: string[], { json }: Flags): Promise<number> {
  const reply = await remote.ask("get", { task });
  return show(json, reply, () => [taskLine(reply as unknown as Task, paint).trim()]);
}

/** `list`: prints tasks, newest first. */
export async function list(
  remote: Remote,
  _words: string[],
  { state, limit, json }: Values<typeof LIST>,
): Promise<number> {
  const states = state === undefined ? STATES : state.split(",");
  const reply = await remote.ask("list", { states: [...states], limit });
  const tasks = reply.tasks as unknown as Task[];
  return show(json, reply, () => tasks.map((task) => taskLine(task, paint)));
}

/** `cancel TASK`: ends a task. */
export async function cancel(remote: Remote, [task]: string[], { json }: Flags): Promise<number> {
  const reply = await remote.ask("cancel", { task });
  return show(json, reply, () => [printable(`${task} ${reply.state}`)]);
}

/** `retry TASK`: queues a dead or cancelled task again. */
export async function retry(
  remote: Remote,
  [task]: string[],
  { from, json }: Values<typeof RETRY>,
): Promise<number> {
  const { events } = await remote.ask("get", { task });
  const body = { task, events, ...(from === undefined ? {} : { from }) };
  const reply = await remote.askAgain("retry", body);
  return show(json, reply, () => [printable(`${task} ${reply.state}`)]);
}

/** `why TASK`: prints why a task is where it is, what holds it up now first. */
export async function why(remote: Remote, [task]: string[], { json }: Flags): Promise<number> {
  const reply = await remote.ask("why", { task });
  return show(json, reply, () => {
    const [now, ...before] = (reply.because as string[]).map((line) => printable(line, 400));
    return [now, ...before.map((line) => `  ${line}`)];
  });
}

/** `pause`: pauses an agent or a pipeline. */
export async function pause(
  remote: Remote,
  _words: string[],
  flags: Values<typeof PAUSE>,
): Promise<number> {
  return await setPaused(remote, "pause", flags);
}

/** `resume`: resumes an agent or a pipeline. */
export async function resume(
  remote: Remote,
  _words: string[],
  flags: Values<typeof PAUSE>,
): Promise<number> {
  return await setPaused(remote, "resume", flags);
}

async function setPaused(
  remote: Remote,
  type: "pause" | "resume",
  { agent, pipeline, json }: Values<typeof PAUSE>,
): Promise<number> {
  if ((agent === undefined) === (pipeline === undefined)) {
    throw new ExitError(
      "usage",
      `Cannot ${type} that: name an --agent or a --pipeline, and not both`,
    );
  }
  const reply = await remote.ask(type, agent === undefined ? { pipeline: pipeline! } : { agent });
  return show(json, reply, () => {
    const state = reply.paused === null ? "resumed" : `paused since ${reply.paused}`;
    return [printable(`${agent ?? pipeline} ${state}`)];
  });
}

/** `agents`: prints each address of each agent. The exit code is 1 if an agent has none that is up. */
export async function agents(remote: Remote, _words: string[], { json }: Flags): Promise<number> {
  const reply = await remote.ask("agents", {});
  const states = reply.agents as unknown as AgentState[];
  show(json, reply, () => states.flatMap(agentLines));
  const up = states.every(({ addresses }) => addresses.some((address) => address.up));
  return up ? EXIT.done : EXIT.failed;
}

function agentLines({ agent, paused, addresses, done, failed }: AgentState): string[] {
  return addresses.map(({ address, up, error, in_flight }) => {
    const upText = paused === null ? paint.green("up") : paint.yellow("paused");
    const state = up ? upText : `${paint.red("down")}  ${printable(error ?? "", 200)}`;
    const work = printable(`${in_flight} in flight, ${done} done, ${failed} failed`);
    const [name, place] = [printable(agent, 40).padEnd(12), printable(address, 60).padEnd(22)];
    return `${name} ${place} ${work}  ${state}`;
  });
}

/** `dashboard`: shows the dashboard of a running orchestrator until a signal or a hang-up. */
export async function dashboard(
  remote: Remote,
  { json }: Flags,
  stopped: Promise<unknown>,
): Promise<number> {
  const ending = new AbortController();
  const ask: Ask = (type, body) => remote.askAgain(type, body);
  const show = json
    ? asJson(stdout.lossy)
    : canRedraw(Deno.stdout)
    ? inPlace(new TerminalScreen(stdout.lossy))
    : asBlocks(ask, stdout.lossy);
  await Promise.race([showDashboard(ask, show, ending.signal), stopped]);
  ending.abort();
  return EXIT.done;
}

/** `call TYPE [JSON]`: sends any request and prints its reply. */
export async function call(remote: Remote, [type, json = "{}"]: string[]): Promise<number> {
  return showJson(await remote.ask(type, readValue(json, "the body", jsonObject)));
}
