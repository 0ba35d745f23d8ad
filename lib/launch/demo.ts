/**
 * `deno task demo`: the four roles on this machine, from the sample inbox to a report.
 *
 * @module
 */
import { ExitError } from "../exit.ts";
import { runProgram, stderr, stdout } from "../process/program.ts";
import { AGENT_ROLES } from "../roles.ts";
import {
  launch,
  makeSecret,
  SAMPLE_INBOX,
  type Site,
  stopRole,
  waitUntilHealthy,
} from "./launch.ts";
import { claimPorts } from "./ports.ts";

/** Two days of one shop: the second is compared with the first. */
const DAYS = ["shop-2026-11-01.log", "shop-2026-11-02.log"];
const START_MS = 60_000;

await runProgram("demo", async () => {
  const folder = await Deno.makeTempDir({ prefix: "baton-demo-" });
  using ports = claimPorts();
  const site: Site = { folder, ports, inbox: SAMPLE_INBOX };
  await makeSecret(site);
  const roles = [...AGENT_ROLES, "orchestrator" as const];
  const children = roles.map((role) => {
    const serve = role === "orchestrator" ? ["serve", "--watch", "0"] : ["serve"];
    const args = [...serve, "--port", String(site.ports[role])];
    return launch(role, site, { args, stderr: "null" });
  });
  try {
    await waitUntilHealthy("orchestrator", site, START_MS);
    for (const [at, day] of DAYS.entries()) {
      stderr.write(`Reporting on ${day} …\n`);
      const isLast = at === DAYS.length - 1;
      const port = String(site.ports.orchestrator);
      const submit = launch("orchestrator", site, {
        args: ["submit", day, "--wait", "--port", port],
        stdout: isLast ? "inherit" : "null",
      });
      const { success, code } = await submit.status;
      if (!success) throw new ExitError("failed", `Cannot report on ${day}: exit code ${code}`);
    }
  } finally {
    for (const child of children.reverse()) await stopRole(child);
  }
  stdout.write(`\nThe same as a page: file://${folder}/memory/reporter/reports/index.html\n`);
  return 0;
});
