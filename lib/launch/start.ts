/**
 * `deno task start`: the four roles as processes of this machine, with the dashboard, until stopped.
 *
 * @module
 */
import { EXIT, ExitError } from "../exit.ts";
import { runProgram, stderr, stopSignal } from "../process/program.ts";
import { variable } from "../process/settings.ts";
import { AGENT_ROLES, PORTS, type Role } from "../roles.ts";
import { launch, makeSecret, SAMPLE_INBOX, type Site, stopRole } from "./launch.ts";

/** A role that has ended, with its exit code. */
interface Ended {
  readonly role: Role;
  readonly code: number;
}

await runProgram("start", async () => {
  const stopped = stopSignal();
  const folder = Deno.cwd();
  const inbox = await Deno.realPath(variable("BATON_INBOX") ?? SAMPLE_INBOX);
  const site: Site = { folder, ports: PORTS, inbox };
  await makeSecret(site);
  const logPath = `${folder}/memory/agents.log`;
  await Deno.mkdir(`${folder}/memory`, { recursive: true });
  using log = await Deno.open(logPath, { create: true, append: true });
  stderr.write(`Inbox: ${inbox}   Memory: ${folder}/memory   The agents' log: ${logPath}\n`);

  const children = new Map<Role, Deno.ChildProcess>();
  /** Runs an agent, and again each time it ends with `stuck`. Resolves when it ends otherwise. */
  const runAgent = async (role: Role): Promise<Ended> => {
    while (true) {
      const child = launch(role, site, { args: ["serve"], stderr: "piped" });
      children.set(role, child);
      for await (const bytes of child.stderr) await log.write(bytes);
      const { code } = await child.status;
      if (code !== EXIT.stuck) return { role, code };
    }
  };
  const runOrchestrator = async (): Promise<Ended> => {
    const child = launch("orchestrator", site, { args: ["serve"], stdout: "inherit" });
    children.set("orchestrator", child);
    return { role: "orchestrator", code: (await child.status).code };
  };
  const first = await Promise.race([
    stopped,
    runOrchestrator(),
    ...AGENT_ROLES.map(runAgent),
  ]);
  for (const child of children.values()) await stopRole(child);
  if (typeof first === "string" || first.code === EXIT.done) return EXIT.done;
  const { role, code } = first;
  throw new ExitError(
    "failed",
    `Cannot go on: ${role} has ended with exit code ${code}, see ${logPath}`,
  );
});
