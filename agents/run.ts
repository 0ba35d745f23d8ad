/**
 * The program around an agent: settings, memory, listener, drain. The main thread serves; handlers run
 * in an isolate's thread, which starts the same main module.
 *
 * @module
 */
import {
  integer,
  parseSettings,
  type Settings,
  settingsHelp,
  text,
  type Values,
} from "../lib/process/settings.ts";
import { EXIT, ExitError } from "../lib/exit.ts";
import { LIMITS_SETTING } from "../lib/process/limits_setting.ts";
import type { Limits } from "../lib/wire/limits.ts";
import { logTo } from "../lib/log.ts";
import { Memory } from "../lib/disk/memory.ts";
import {
  exit,
  repairMemory,
  reportHealth,
  runProgram,
  stderr,
  stdout,
  stopSignal,
} from "../lib/process/program.ts";
import { readSecret } from "../lib/process/secret.ts";
import { RESERVE_BYTES } from "../lib/disk/reserve.ts";
import { memoryFolder, PORTS, type Role, VERSION } from "../lib/roles.ts";
import { TLS_CONNECTS, TLS_LISTENS, type TlsFiles, withTls } from "../lib/process/tls_settings.ts";
import type { Agent } from "./define.ts";
import { Isolate } from "./runtime/isolate.ts";
import { AgentService } from "./runtime/service.ts";
import { inThread, serveIsolate } from "./runtime/thread.ts";

/** At this many stuck threads the process ends, to be started anew. Each thread uses a core. */
const STUCK_MAX = 2;

function commonSettings(name: string) {
  return {
    host: {
      env: "BATON_HOST",
      value: "ADDRESS",
      fallback: "127.0.0.1",
      help: "Address to listen on",
      read: text,
    },
    port: {
      env: "BATON_PORT",
      value: "N",
      fallback: PORTS[name as Role] ?? 0,
      help: "Port to listen on",
      read: integer(0, 65535),
    },
    name: {
      env: "BATON_NAME",
      value: "NAME",
      fallback: `${name}-1`,
      help: "Name of this process, as peers see it",
      read: text,
    },
    ...LIMITS_SETTING,
    ...TLS_LISTENS,
    ...TLS_CONNECTS,
    json: { help: "Print health as JSON" },
    "accept-loss": { help: "Repair: continue without the damaged part, which is kept aside" },
  };
}

/**
 * Runs an agent's program with the process's arguments: `serve` (the default), `health` or `repair`.
 * The process ends with an exit code of `EXIT`.
 *
 * @param define returns the agent for its memory folder and the values of its own settings
 * @param own the agent's settings beside the common ones
 */
export async function run<const S extends Settings>(
  name: string,
  define: (settings: Values<S> & { memory: string }) => Agent,
  own: S = {} as S,
): Promise<void> {
  const settings = { ...commonSettings(name), ...own };
  const defined = (values: unknown): Agent =>
    define({ ...values as Values<S>, memory: memoryFolder(name) });
  if (inThread) return serveIsolate(defined(parseSettings(settings, Deno.args).values));
  await runProgram(name, async () => {
    const { values, rest, help } = parseSettings(settings, Deno.args);
    const common = values as unknown as Values<ReturnType<typeof commonSettings>>;
    const [command = "serve", ...more] = rest;
    if (help) return showHelp(name, settings);
    if (more.length > 0 || !["serve", "health", "repair"].includes(command)) {
      throw new ExitError("usage", `Cannot do "${rest.join(" ")}": see ${name} --help`);
    }
    if (command === "health") {
      const system = await withTls({ "tls-ca": common["tls-ca"] });
      return await reportHealth(common.port, common.json, system);
    }
    if (command === "repair") return await repairMemory(name, common["accept-loss"]);
    return await serve(defined(values), common, stopSignal());
  });
}

function showHelp(name: string, settings: Settings): number {
  stdout.write(`${name}: an agent of Baton ${VERSION}

  ${name} [serve]   Listen for requests until SIGTERM (default)
  ${name} health    Ask the ${name} on this machine for its health; exit code 0 if it is well
  ${name} repair    Report damage in the memory of the ${name}, and repair it

${settingsHelp(settings)}

The secret is read from the file that AUTH_TOKEN_FILE names, else from AUTH_TOKEN, else from
secret/token. To change it, write two lines: the first is used, both are accepted.
Memory is kept in ${memoryFolder(name)} below the working directory.

Exit codes: ${Object.entries(EXIT).map(([word, code]) => `${code} ${word}`).join(", ")}
`);
  return EXIT.done;
}

interface ServeSettings {
  readonly host: string;
  readonly port: number;
  readonly name: string;
  readonly limits: Partial<Limits> | undefined;
}

async function serve(
  agent: Agent,
  { host, port, name, limits, ...tls }: ServeSettings & TlsFiles,
  stopped: Promise<Deno.Signal>,
): Promise<number> {
  const log = logTo(stderr, { role: agent.name, name });
  const secret = await readSecret(log);
  const system = await withTls(tls);
  await using memory = await Memory.open({
    folder: memoryFolder(agent.name),
    role: agent.name,
    log,
    reserveBytes: RESERVE_BYTES,
    onFailed: () => exit(EXIT.storage_failed),
  });
  const stuck = Promise.withResolvers<"stuck">();
  using isolate = new Isolate(Deno.mainModule, (count) => {
    log("error", "handler_stuck", { count });
    if (count >= STUCK_MAX) stuck.resolve("stuck");
  });
  await using service = new AgentService({
    agent,
    host,
    port,
    name,
    secret,
    memory,
    limits,
    execute: (...work) => isolate.execute(...work),
    log,
    system,
  });
  log("info", "serving", { address: `${host}:${service.address.port}` });
  const reason = await Promise.race([stopped, stuck.promise]);
  log("info", "draining", { reason, in_flight: service.inFlight });
  await service.drain();
  return reason === "stuck" ? EXIT.stuck : EXIT.done;
}
