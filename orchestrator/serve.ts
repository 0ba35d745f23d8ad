/**
 * The orchestrator as a process: opens its memory, listens, shows the dashboard and watches the
 * inbox, from start to drain.
 *
 * @module
 */
import type { Values } from "../lib/process/settings.ts";
import { EXIT } from "../lib/exit.ts";
import { logTo } from "../lib/log.ts";
import { Memory } from "../lib/disk/memory.ts";
import { exit, stderr, stdout } from "../lib/process/program.ts";
import { readSecret, readSecretForRole } from "../lib/process/secret.ts";
import { RESERVE_BYTES } from "../lib/disk/reserve.ts";
import { memoryFolder } from "../lib/roles.ts";
import { withTls } from "../lib/process/tls_settings.ts";
import { asBlocks, inPlace, showDashboard } from "./dashboard/dashboard.ts";
import { canRedraw } from "./dashboard/terminal.ts";
import { TerminalScreen } from "./dashboard/terminal_screen.ts";
import type { Ask } from "./dashboard/view.ts";
import { watchInbox } from "./inbox.ts";
import { Orchestrator } from "./orchestrator.ts";
import { PIPELINES } from "./run/pipelines.ts";
import type { SERVE } from "./settings.ts";

const ROLE = "orchestrator";

/**
 * Serves until `stopped` resolves, then drains and releases everything. Returns the exit code.
 *
 * @throws {ExitError} `no_secret`, `locked`, `damaged`, `port_busy` or `not_permitted`, before it
 * serves
 */
export async function serve(
  values: Values<typeof SERVE>,
  stopped: Promise<Deno.Signal>,
): Promise<number> {
  const { host, port, name, collector, analyzer, reporter, concurrency, queue, watch } = values;
  const screen = canRedraw(Deno.stdout) ? new TerminalScreen(stdout.lossy) : undefined;
  const log = logTo(screen !== undefined && Deno.stderr.isTerminal() ? screen : stderr, {
    role: ROLE,
    name,
  });
  const secret = await readSecret(log);
  const agentSecrets = {
    collector: await readSecretForRole("collector", log),
    analyzer: await readSecretForRole("analyzer", log),
    reporter: await readSecretForRole("reporter", log),
  };
  const system = await withTls(values);
  await using memory = await Memory.open({
    folder: memoryFolder(ROLE),
    role: ROLE,
    log,
    reserveBytes: RESERVE_BYTES,
    onFailed: () => exit(EXIT.storage_failed),
  });
  await using orchestrator = new Orchestrator({
    host,
    port,
    name,
    secret,
    agentSecrets,
    memory,
    agents: { collector, analyzer, reporter },
    pipelines: PIPELINES,
    concurrency,
    queueMax: queue,
    maxWaitMs: values["max-wait"] * 1_000,
    limits: values.limits,
    log,
    system,
  });
  log("info", "serving", { address: `${host}:${orchestrator.address.port}` });

  const { scheduler, agents, taskLog, ending } = orchestrator;
  const ask: Ask = (type, body) => orchestrator.ask(type, body);
  const show = screen === undefined ? asBlocks(ask, stdout.lossy) : inPlace(screen);
  const dashboard = showDashboard(ask, show, ending);
  const inbox = watch === 0 ? Promise.resolve() : watchInbox({
    scan: (timeoutMs) => {
      const id = `inbox.${crypto.randomUUID()}`;
      return agents.ask("collector", "scan", {}, { id, timeoutMs });
    },
    submit: (body) => ask("submit", body),
    get: (task) => taskLog.get(task),
    everyMs: watch * 1_000,
    log,
    signal: ending,
  });

  const working = Promise.all([dashboard, inbox]);
  // `working` rejects only for a bug, which then ends the process at once.
  const signal = await Promise.race([stopped, working.then(() => stopped)]);
  log("info", "draining", { signal, running: scheduler.running, waiting: scheduler.waiting });
  await orchestrator.drain();
  await working;
  return EXIT.done;
}
