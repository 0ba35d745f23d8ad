import { assertEquals } from "@std/assert";
import {
  RETENTION,
  Retention,
  type RetentionLimits,
} from "../../../orchestrator/tasks/retention.ts";

// Seen to catch: each bound that is one lower or is none, and bytes that are counted on or twice.

const DAY_MS = 86_400_000;
const MIB = 1024 * 1024;
const BOUNDS = { ageMs: 100, tasks: 100, resultBytes: 100, eventBytes: 100, workBytes: 100 };

/** What goes of tasks that ended at these times, each with so many bytes of all. */
function gone(bounds: Partial<RetentionLimits>, at: number[], bytes: number, now: number) {
  const retention = new Retention({ ...BOUNDS, ...bounds });
  for (const [n, time] of at.entries()) {
    const taken = { resultBytes: bytes, eventBytes: bytes, workBytes: bytes };
    retention.add({ task: `t${n}`, at: time, ...taken });
  }
  return { old: retention.takeExpired(now), work: retention.takeWork() };
}

Deno.test("Retention keeps what README says", () => {
  assertEquals(RETENTION, {
    ageMs: 30 * DAY_MS,
    tasks: 2_000,
    resultBytes: 32 * MIB,
    eventBytes: 16 * MIB,
    workBytes: 32 * MIB,
  });
});

Deno.test("Retention keeps ended tasks up to each bound, and beyond it the last of them", () => {
  assertEquals(gone({}, [0, 50], 50, 100), { old: [], work: [] });
  assertEquals(gone({}, [0, 50], 50, 101).old, ["t0"]);
  assertEquals(gone({ tasks: 2 }, [0, 0], 0, 0).old, []);
  assertEquals(gone({ tasks: 2 }, [0, 0, 0], 0, 0).old, ["t0"]);
  for (const name of ["resultBytes", "eventBytes"]) {
    assertEquals(gone({ [name]: 50 }, [0, 0], 25, 0).old, [], name);
    assertEquals(gone({ [name]: 50 }, [0, 0, 0], 25, 0).old, ["t0"], name);
  }
  assertEquals(gone({ workBytes: 50 }, [0, 0], 25, 0).work, []);
  assertEquals(gone({ workBytes: 50 }, [0, 0, 0], 25, 0), { old: [], work: ["t0"] });
});

Deno.test("Retention counts what goes no longer, and tells of it once", () => {
  const retention = new Retention({ ...BOUNDS, workBytes: 50 });
  const bytes = { resultBytes: 40, eventBytes: 40, workBytes: 40 };
  const ended = (n: number) => ({ task: `t${n}`, at: 0, ...bytes });
  for (const n of [0, 1]) retention.add(ended(n));
  assertEquals([retention.takeWork(), retention.takeWork()], [["t0"], []]);
  assertEquals(retention.remove("t0"), { ...ended(0), workBytes: 0 });
  for (let n = 2; n < 20; n++) {
    retention.add(ended(n));
    assertEquals(retention.takeWork(), [`t${n - 1}`]);
    assertEquals(retention.takeExpired(0), n === 2 ? [] : [`t${n - 2}`]);
  }
  retention.remove("t19");
  retention.add({ ...ended(20), workBytes: 50 });
  assertEquals(retention.takeWork(), [], "one that was removed does not count");
  retention.add({ ...ended(21), workBytes: 0 });
  assertEquals(retention.takeWork(), [], "there is nothing to be taken from it");
});
