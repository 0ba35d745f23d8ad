/**
 * `deno task start`: the four roles as processes of this machine, with the dashboard, until stopped.
 *
 * @module
 */
import { variable } from "../process/settings.ts";
import { EXIT, ExitError } from "../exit.ts";
import { runProgram, stderr, stopSignal } from "../process/program.ts";
import { AGENT_ROLES, PORTS, type Role } from "../roles.ts";
import { launch, makeSecret, SAMPLE_INBOX, type Site, stopRole } from "./launch.ts";

await runProgram("start", async () => {
  const stopped = stopSignal();
  const folder = Deno.cwd();
  const inbox = await Deno.realPath(variable("BATON_INBOX") ?? SAMPLE_INBOX);
  const site: Site = { folder, ports: PORTS, inbox };
  await makeSecret(site);
  const logs = `${folder}/memory/agents.log`;
  await Deno.mkdir(`${folder}/memory`, { recursive: true });
  using log = await Deno.open(logs, { create: true, append: true });
  stderr.write(`Inbox: ${inbox}   Memory: ${folder}/memory   The agents' log: ${logs}\n`);

  const children = new Map<Role, Deno.ChildProcess>();
  /** Runs an agent for as long as it wants to be begun anew; gives the exit code that is its last. */
  const keep = async (role: Role): Promise<{ role: Role; code: number }> => {
    while (true) {
      const child = launch(role, site, { args: ["serve"], stderr: "piped" });
      children.set(role, child);
      for await (const bytes of child.stderr) await log.write(bytes);
      const { code } = await child.status;
      if (code !== EXIT.stuck) return { role, code };
    }
  };
  const orchestrator = launch("orchestrator", site, { args: ["serve"], stdout: "inherit" });
  children.set("orchestrator", orchestrator);
  const fallen = [
    orchestrator.status.then(({ code }) => ({ role: "orchestrator", code })),
    ...AGENT_ROLES.map(keep),
  ];
  const first = await Promise.race([stopped, ...fallen]);
  for (const child of children.values()) await stopRole(child);
  if (typeof first === "string" || first.code === 0) return 0;
  throw new ExitError(
    "failed",
    `${first.role} has ended with exit code ${first.code}; see ${logs}`,
  );
});
