/**
 * `deno task start`: the four roles as processes of this machine, with the dashboard, until stopped.
 *
 * @module
 */
import { ExitError } from "../exit.ts";
import { runProgram, stderr, stopSignal } from "../program.ts";
import { PORTS } from "../roles.ts";
import { AGENT_ROLES, end, launch, makeSecret, SAMPLE_INBOX, type Site } from "./launch.ts";

await runProgram("start", async () => {
  const stopped = stopSignal();
  const folder = Deno.cwd();
  const inbox = await Deno.realPath(Deno.env.get("BATON_INBOX") || SAMPLE_INBOX);
  const site: Site = { folder, ports: PORTS, inbox };
  await makeSecret(site);
  const logs = `${folder}/memory/agents.log`;
  await Deno.mkdir(`${folder}/memory`, { recursive: true });
  using log = await Deno.open(logs, { create: true, append: true });
  stderr.write(`Inbox: ${inbox}   Memory: ${folder}/memory   The agents' log: ${logs}\n`);
  const agents = AGENT_ROLES.map((role) => {
    const child = launch(role, site, { args: ["serve"], stderr: "piped" });
    copyTo(child.stderr, log);
    return { role, child };
  });
  const orchestrator = launch("orchestrator", site, { args: ["serve"], stdout: "inherit" });
  const roles = [{ role: "orchestrator", child: orchestrator }, ...agents];
  const fallen = roles.map(async ({ role, child }) => ({ role, code: (await child.status).code }));
  const first = await Promise.race([stopped, ...fallen]);
  for (const { child } of roles) await end(child);
  if (typeof first === "string" || first.code === 0) return 0;
  throw new ExitError(
    "failed",
    `${first.role} has ended with exit code ${first.code}; see ${logs}`,
  );
});

async function copyTo(from: ReadableStream<Uint8Array>, log: Deno.FsFile): Promise<void> {
  for await (const bytes of from) await log.write(bytes);
}
