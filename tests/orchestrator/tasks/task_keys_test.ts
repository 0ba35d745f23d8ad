import { assertEquals } from "@std/assert";
import {
  affinityKey,
  type Group,
  isPartOf,
  kindOf,
  kindsOf,
  outputKey,
  partKey,
} from "../../../orchestrator/tasks/task_keys.ts";

const ODD_NAMES = ["merge.x", "merge(", "a/b", "part/a", "event/1", "", "000001", ".*"];

Deno.test("kindOf() reads the kind of a key, whatever its name is", () => {
  for (const name of ODD_NAMES) {
    assertEquals(kindOf(outputKey(name)), "output", name);
    assertEquals(kindOf(partKey(name, 1)), "part", name);
    assertEquals(kindOf(affinityKey(name)), "affinity", name);
  }
  assertEquals(kindOf("last_page"), "last_page");
});

Deno.test("isPartOf() tells calls apart whose names begin alike", () => {
  const names = [...ODD_NAMES, "merge", "a", "merge.x/000001"];
  for (const name of names) {
    const calls = names.filter((call) => isPartOf(partKey(name, 1), call));
    assertEquals(calls, [name]);
  }
});

Deno.test("partKey() makes keys that sort by page", () => {
  const keys = [0, 2, 10, 19_999].map((page) => partKey("analyze", page));
  assertEquals(keys.toReversed().sort(), keys);
});

Deno.test("kindsOf() puts each kind either in the work or in the events", () => {
  const groups: Group[] = ["outputs", "parts", "pages"];
  const work = kindsOf("work");
  for (const group of groups) {
    assertEquals(kindsOf(group).filter((kind) => !work.includes(kind)), [], group);
  }
  assertEquals(kindsOf("events"), ["event"]);
  assertEquals(work.includes("event"), false);
});
