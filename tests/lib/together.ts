/**
 * A small agent, and an orchestrator with agents that do next to nothing, all in this process.
 *
 * @module
 */
import { z } from "zod";
import { type Agent, defineAgent, op } from "../../agents/define.ts";
import { Runtime } from "../../agents/runtime.ts";
import { importSecret } from "../../lib/auth.ts";
import { Link } from "../../lib/link.ts";
import { Memory } from "../../lib/memory.ts";
import { Server } from "../../lib/server.ts";
import { Agents } from "../../orchestrator/agents.ts";
import { Api } from "../../orchestrator/api.ts";
import { Pauses } from "../../orchestrator/pauses.ts";
import { PIPELINES } from "../../orchestrator/pipelines.ts";
import { Scheduler } from "../../orchestrator/scheduler.ts";
import { TaskLog } from "../../orchestrator/task_log.ts";
import { quiet, SECRET } from "./wire.ts";

const VERSION = "1.0.0";
const Anything = z.record(z.string(), z.json());

export const greeter = defineAgent("greeter", {
  greet: op({
    input: z.strictObject({ name: z.string().min(1) }),
    output: z.strictObject({ text: z.string() }),
    async handle({ name }, { memory }) {
      const times = Number(await memory.get(name) ?? 0) + 1;
      memory.set(name, times);
      return { text: `Hello ${name}, for the ${times}. time` };
    },
  }),
});

const constant = (output: Record<string, z.infer<ReturnType<typeof z.json>>>) =>
  op({ input: Anything, output: Anything, handle: () => output });

const AGENTS = [
  defineAgent("collector", { collect: constant({ page: { text: "one\ntwo\n" }, cursor: null }) }),
  defineAgent("analyzer", {
    analyze: constant({ lines: 2 }),
    combine: constant({ lines: 2 }),
    merge: constant({ stream: "shop", lines: 2 }),
  }),
  defineAgent("reporter", {
    report: constant({
      stream: "shop",
      run: 1,
      headline: "2 lines, nothing new",
      markdown: "# shop\n\n2 lines, nothing new\n",
      files: [{ path: "reports/shop/report.md", bytes: 30 }],
    }),
  }),
];

async function openMemory(folder: string, role: string): Promise<Memory> {
  const onFailed = (error: unknown): never => {
    throw error;
  };
  return await Memory.open({ folder: `${folder}/${role}`, role, log: quiet, onFailed });
}

/** An agent as `run()` has it, but for its settings. */
async function serveAgent(agent: Agent, memory: Memory): Promise<Server> {
  const runtime = new Runtime(agent, memory, quiet);
  const name = `${agent.name}-1`;
  return new Server({
    hostname: "127.0.0.1",
    port: 0,
    log: quiet,
    service: {
      role: agent.name,
      name,
      version: VERSION,
      secret: await importSecret(SECRET),
      health: () => ({
        status: "ok",
        role: agent.name,
        name,
        version: VERSION,
        uptime_ms: Math.round(performance.now()),
        storage: "ok",
        in_hand: runtime.inHand,
      }),
      answer: (request) => runtime.answer(request),
      onInternal: (_, error) => {
        throw error;
      },
    },
  });
}

export interface Together extends AsyncDisposable {
  readonly greeter: Deno.NetAddr;
  readonly orchestrator: Deno.NetAddr;
}

/** Starts them all; the end of their user is their end. */
export async function startTogether(): Promise<Together> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const secret = await importSecret(SECRET);
  const servers = new Map<string, Server>();
  for (const agent of [greeter, ...AGENTS]) {
    const memory = stack.use(await openMemory(folder, agent.name));
    servers.set(agent.name, stack.use(await serveAgent(agent, memory)));
  }
  const memory = stack.use(await openMemory(folder, "orchestrator"));
  const taskLog = new TaskLog(memory);
  const pauses = new Pauses(memory);
  const links = AGENTS.map(({ name }) =>
    new Link({ role: name, addresses: [servers.get(name)!.address], secret, log: quiet })
  );
  const agents = stack.use(new Agents(links, pauses));
  const scheduler = new Scheduler({
    taskLog,
    pipelines: PIPELINES,
    call: (...args) => agents.call(...args),
    pauses,
    concurrency: 1,
    queueMax: 10,
    log: quiet,
  });
  stack.defer(() => scheduler.stop(1_000));
  const api = new Api({ taskLog, scheduler, agents, pauses, pipelines: PIPELINES });
  const server = stack.use(
    new Server({
      hostname: "127.0.0.1",
      port: 0,
      log: quiet,
      service: {
        role: "orchestrator",
        name: "orchestrator-1",
        version: VERSION,
        secret,
        health: () => ({
          status: "ok",
          role: "orchestrator",
          name: "orchestrator-1",
          version: VERSION,
          storage: "ok",
          agents: agents.up ? "up" : "down",
          ...api.load(),
        }),
        answer: (request, gone) => api.answer(request, gone),
        onInternal: (_, error) => {
          throw error;
        },
      },
    }),
  );
  while (!agents.up) await new Promise((resolve) => setTimeout(resolve, 2));
  const own = stack.move();
  return {
    greeter: servers.get(greeter.name)!.address,
    orchestrator: server.address,
    [Symbol.asyncDispose]: () => own.disposeAsync(),
  };
}
