/**
 * The orchestrator as a service: its parts, put together, from start to drain.
 *
 * @module
 */
import { importSecret } from "../lib/auth.ts";
import { readSecret, type Values } from "../lib/config.ts";
import { CodedError } from "../lib/errors.ts";
import { EXIT } from "../lib/exit.ts";
import { Link } from "../lib/link.ts";
import { logTo } from "../lib/log.ts";
import { Memory } from "../lib/memory.ts";
import { exit, stderr, stdout } from "../lib/program.ts";
import { type JsonObject, PROTOCOL } from "../lib/protocol.ts";
import { RESERVE_BYTES } from "../lib/reserve.ts";
import { memoryFolder, VERSION } from "../lib/roles.ts";
import { Server } from "../lib/server.ts";
import { Agents } from "./agents.ts";
import { Api } from "./api.ts";
import { asBlocks, inPlace, showDashboard, TerminalScreen } from "./console.ts";
import { watchInbox } from "./inbox.ts";
import { Pauses } from "./pauses.ts";
import { PIPELINES } from "./pipelines.ts";
import { Scheduler } from "./scheduler.ts";
import type { SERVE } from "./settings.ts";
import { TaskLog } from "./task_log.ts";

const ROLE = "orchestrator";
/** After SIGTERM, calls that are under way may take so long, */
const STOP_MS = 4_000;
/** and answers to clients after that. */
const DRAIN_MS = 2_000;

/** Serves until `stopped` resolves, then ends what runs and gives everything back; the exit code. */
export async function serve(
  values: Values<typeof SERVE>,
  stopped: Promise<Deno.Signal>,
): Promise<number> {
  const { host, port, name } = values;
  const screen = Deno.stdout.isTerminal() ? new TerminalScreen(stdout) : undefined;
  const log = logTo(screen !== undefined && Deno.stderr.isTerminal() ? screen : stderr, {
    role: ROLE,
    name,
  });
  const secret = await importSecret(await readSecret());
  await using memory = await Memory.open({
    folder: memoryFolder(ROLE),
    role: ROLE,
    log,
    reserveBytes: RESERVE_BYTES,
    onFailed: () => exit(EXIT.storage_failed),
  });
  let draining = false;
  const ending = new AbortController();
  // Before anything begins: where the port is taken, nothing has.
  const server = new Server({
    hostname: host,
    port,
    log,
    service: {
      role: ROLE,
      name,
      version: VERSION,
      secret,
      health: () => ({
        status: draining ? "draining" : "ok",
        role: ROLE,
        name,
        version: VERSION,
        storage: memory.full ? "full" : "ok",
        agents: agents.up ? "up" : "down",
        ...api.load(),
      }),
      answer: (request, gone) => api.answer(request, AbortSignal.any([gone, ending.signal])),
      onInternal: (reference, error) =>
        log("error", "internal", { reference, stack: (error as Error).stack }),
    },
  });
  const taskLog = new TaskLog(memory);
  const pauses = new Pauses(memory);
  await using agents = new Agents(
    (["collector", "analyzer", "reporter"] as const).map((role) =>
      new Link({ role, addresses: values[role], secret, log })
    ),
    pauses,
  );
  const scheduler = new Scheduler({
    taskLog,
    pipelines: PIPELINES,
    call: (...args) => agents.call(...args),
    pauses,
    concurrency: values.concurrency,
    queueMax: values.queue,
    log,
  });
  const api = new Api({ taskLog, scheduler, agents, pauses, pipelines: PIPELINES });
  log("info", "serving", { address: `${host}:${server.address.port}` });

  const ask = (type: string, body: JsonObject): Promise<JsonObject> =>
    api.answer({ v: PROTOCOL, id: "own", type, body }, ending.signal);
  const show = screen === undefined ? asBlocks(ask, stdout) : inPlace(screen);
  const shown = showDashboard(ask, show, ending.signal);
  const watched = values.watch === 0 ? Promise.resolve() : watchInbox({
    scan: (timeoutMs) => {
      const id = `inbox.${crypto.randomUUID()}`;
      return agents.ask("collector", "scan", {}, { id, timeoutMs });
    },
    submit: (body) => ask("submit", body),
    get: (task) => taskLog.get(task),
    everyMs: values.watch * 1_000,
    log,
    signal: ending.signal,
  });

  const signal = await stopped;
  draining = true;
  log("info", "draining", { signal, running: scheduler.running, waiting: scheduler.waiting });
  await scheduler.stop(STOP_MS);
  ending.abort(new CodedError("draining", "Stopped waiting: shutting down"));
  await Promise.all([shown, watched]);
  await server.drain(DRAIN_MS);
  return EXIT.done;
}
