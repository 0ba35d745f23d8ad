import { assertEquals, assertMatch } from "@std/assert";
import { SYSTEM } from "../../../lib/system.ts";
import { TaskIds } from "../../../orchestrator/tasks/task_ids.ts";

/** Returns ids made at these instants, after an earlier process has made `last`. */
function idsAt(instants: number[], last?: string, random = 0.5): string[] {
  let now = 0;
  const clock = { ...SYSTEM.clock, date: () => new Date(now) };
  const ids = new TaskIds({ clock, random: () => random }, last);
  return instants.map((instant) => {
    now = instant;
    return ids.next();
  });
}

Deno.test("TaskIds makes ids that sort by submission, also if the wall clock stands or goes back", () => {
  const before = idsAt([4_000_000, 4_000_000, 4_000_001, 1_000_000]);
  const after = idsAt([3_000_000, 3_000_000, Date.now()], before.at(-1));
  const ids = [...before, ...after];
  assertEquals(ids.toSorted(), ids);
  assertEquals(new Set(ids).size, ids.length);
});

Deno.test("TaskIds makes ids of one length, with the random part at the end", () => {
  for (const random of [0, 0.999999999]) {
    for (const id of idsAt([0, Date.now()], undefined, random)) assertMatch(id, /^t[0-9a-z]{13}$/);
  }
  const [[first], [second]] = [0.1, 0.2].map((random) => idsAt([5], undefined, random));
  assertEquals(first === second, false);
});
