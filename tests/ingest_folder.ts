/**
 * `deno run -A tests/ingest_folder.ts FOLDER`: drops every log of a folder into the inbox of a running line and
 * waits for a report on each.
 *
 * @module
 */
import { ExitError } from "../lib/exit.ts";
import { runProgram, stdout } from "../lib/process/program.ts";
import { sleep } from "../lib/retry.ts";
import type { Task } from "../orchestrator/tasks/task.ts";
import { LocalCluster } from "./harness/local_cluster.ts";

const WAIT_MS = 60_000;

await runProgram("drop", async () => {
  const [folder] = Deno.args;
  if (folder === undefined) throw new ExitError("usage", "Cannot drop nothing: name a folder");
  await using swarm = await LocalCluster.start();
  using remote = await swarm.remote();
  const missing = new Set<string>();
  for await (const { name } of Deno.readDir(folder)) {
    if (!name.endsWith(".log")) continue;
    missing.add(name);
    await Deno.writeFile(
      `${swarm.site.folder}/inbox/${name}`,
      await Deno.readFile(`${folder}/${name}`),
    );
  }
  const count = missing.size;
  const headlines: string[] = [];
  for (const due = performance.now() + WAIT_MS; missing.size > 0; await sleep(200)) {
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
  stdout.write(`figures: ${count} logs dropped, ${headlines.length} reports\n`);
  return 0;
});
