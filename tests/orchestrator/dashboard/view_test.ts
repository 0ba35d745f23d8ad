import { assert, assertEquals } from "@std/assert";
import { fetchView, signature, type View } from "../../../orchestrator/dashboard/view.ts";
import type { Task } from "../../../orchestrator/tasks/task.ts";
import { agent, api, BUSY, SINCE, task } from "./views.ts";

Deno.test("signature() changes with each event, and not with time alone", () => {
  const aged = (tasks: readonly Task[]): Task[] => tasks.map((t) => ({ ...t, spent_ms: 99 }));
  const later: View = {
    ...BUSY,
    uptimeMs: 9,
    running: aged(BUSY.running),
    done: aged(BUSY.done),
    agents: BUSY.agents.map((agent) => ({
      ...agent,
      last: { id: "t2.merge", ms_ago: 4, error: null },
      addresses: agent.addresses.map((address) => ({ ...address, answered_ms_ago: 1 })),
    })),
  };
  assertEquals(signature(later), signature(BUSY));
  const changes: Partial<View>[] = [
    { waiting: 11 },
    { tasks: { ...BUSY.tasks, done: 5 } },
    { agents: [agent("collector", true), agent("analyzer", true), agent("reporter", true)] },
    { agents: [agent("collector", true, { paused: SINCE }), ...BUSY.agents.slice(1)] },
    { paused: ["report"] },
    { running: BUSY.running.slice(1) },
    { running: [task("running", { stage: "merge" }), ...BUSY.running.slice(1)] },
    { running: [task("running", { failed_attempts: 1 }), ...BUSY.running.slice(1)] },
  ];
  for (const change of changes) assert(signature({ ...BUSY, ...change }) !== signature(BUSY));
});

Deno.test("fetchView() asks for the tasks of each kind and the names of paused pipelines", async () => {
  const done = [task("done")];
  const view = await fetchView(api(done));
  assertEquals([view.done, view.running, view.failed, view.uptimeMs], [done, [], [], 1]);
  assertEquals(view.paused, []);
  const paused = await fetchView(api(done, SINCE));
  assertEquals(paused.paused, ["report"]);
});
