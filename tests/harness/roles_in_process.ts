/**
 * The greeter, and an orchestrator with three agents that return constants, all in this process.
 *
 * @module
 */
import { z } from "zod";
import { defineAgent, op } from "../../agents/define.ts";
import { AgentService } from "../../agents/runtime/service.ts";
import { Memory } from "../../lib/disk/memory.ts";
import { importSecret } from "../../lib/wire/auth.ts";
import { Orchestrator } from "../../orchestrator/orchestrator.ts";
import { PIPELINES } from "../../orchestrator/run/pipelines.ts";
import { executeHere } from "./execute_here.ts";
import { greeter } from "./greeter.ts";
import { quiet } from "./recorded_log.ts";
import { SECRET } from "./secrets.ts";
import { until } from "./waiting.ts";

const Anything = z.record(z.string(), z.json());

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

/** Where they listen. Disposing it ends all of them and removes their memories. */
export interface RolesInProcess extends AsyncDisposable {
  readonly greeter: Deno.NetAddr;
  readonly orchestrator: Deno.NetAddr;
}

/** Starts them; resolves when the orchestrator reaches its agents. */
export async function startRolesInProcess(): Promise<RolesInProcess> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const secret = importSecret(SECRET);
  const common = { host: "127.0.0.1", port: 0, secret, log: quiet };
  const addresses = new Map<string, Deno.NetAddr>();
  for (const agent of [greeter, ...AGENTS]) {
    const memory = stack.use(await openMemory(folder, agent.name));
    const name = `${agent.name}-1`;
    const execute = executeHere(agent);
    const service = new AgentService({ ...common, agent, name, memory, execute });
    addresses.set(agent.name, stack.use(service).address);
  }
  const memory = stack.use(await openMemory(folder, "orchestrator"));
  const orchestrator = stack.use(
    new Orchestrator({
      ...common,
      name: "orchestrator-1",
      memory,
      agents: Object.fromEntries(AGENTS.map(({ name }) => [name, [addresses.get(name)!]])),
      pipelines: PIPELINES,
      concurrency: 1,
      queueMax: 10,
      maxWaitMs: 60_000,
    }),
  );
  stack.defer(() => orchestrator.scheduler.stop(1_000));
  await until(() => orchestrator.agents.up, "the orchestrator reaches its agents");
  const own = stack.move();
  return {
    greeter: addresses.get(greeter.name)!,
    orchestrator: orchestrator.address,
    [Symbol.asyncDispose]: () => own.disposeAsync(),
  };
}
