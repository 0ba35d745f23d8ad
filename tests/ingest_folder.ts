/**
 * `deno run -A tests/ingest_folder.ts FOLDER`: copies every log of a folder into the inbox of running
 * roles and waits for a report on each.
 *
 * @module
 */
import { ExitError } from "../lib/exit.ts";
import { runProgram, stdout } from "../lib/process/program.ts";
import { sleep } from "../lib/retry.ts";
import type { Task } from "../orchestrator/tasks/task.ts";
import { RoleProcesses } from "./harness/role_processes.ts";
import { TempFolder } from "./harness/temp_folder.ts";

const REPORTS_MS_MAX = 600_000;

await runProgram("ingest_folder", async () => {
  const [folder] = Deno.args;
  if (folder === undefined) throw new ExitError("usage", "Cannot ingest nothing: name a folder");
  await using temp = await TempFolder.make();
  await using roles = await RoleProcesses.in(temp.path, { env: () => ({ BATON_WATCH: "1" }) });
  await roles.makeSecret();
  await roles.startAll();
  using remote = await roles.remote();
  const missing = new Set<string>();
  for await (const { name } of Deno.readDir(folder)) {
    if (!name.endsWith(".log")) continue;
    missing.add(name);
    await Deno.writeFile(`${temp.path}/inbox/${name}`, await Deno.readFile(`${folder}/${name}`));
  }
  const count = missing.size;
  const headlines: string[] = [];
  for (const due = performance.now() + REPORTS_MS_MAX; missing.size > 0; await sleep(200)) {
    const { tasks } = await remote.ask("list", { states: ["done", "dead"], limit: 500 });
    for (const { label, state, headline } of tasks as unknown as Task[]) {
      if (!missing.delete(label)) continue;
      if (state !== "done") throw new ExitError("failed", `Cannot report on ${label}: ${state}`);
      headlines.push(`${label}: ${headline}`);
    }
    if (performance.now() > due) {
      throw new ExitError("timed_out", `No report on ${[...missing].join(", ")}`);
    }
  }
  stdout.write(headlines.map((line) => line + "\n").join(""));
  stdout.write(`figures: ${count} logs ingested, ${headlines.length} reports\n`);
  return 0;
});
