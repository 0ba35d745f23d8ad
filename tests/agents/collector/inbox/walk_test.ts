import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { PATH_CHARS_MAX } from "../../../../agents/collector/inbox/inbox_path.ts";
import { DEPTH_MAX, walk, type WalkOptions } from "../../../../agents/collector/inbox/walk.ts";
import { CodedError } from "../../../../lib/errors.ts";
import { openHarness } from "../collector_harness.ts";

Deno.test("walk() leaves out a folder that is too deep, and reports it", async () => {
  await using harness = await openHarness();
  await harness.write("a.log", "a\n");
  await harness.write("x/".repeat(DEPTH_MAX - 1) + "b.log", "b\n");
  assertEquals((await walk(harness.inbox)).tooDeep, []);
  await harness.write("x/".repeat(DEPTH_MAX) + "c.log", "c\n");
  await harness.write("y/d.log", "d\n");
  const { paths, next, tooDeep } = await walk(harness.inbox);
  assertEquals(paths, ["a.log", "x/".repeat(DEPTH_MAX - 1) + "b.log", "y/d.log"]);
  assertEquals([next, tooDeep], [undefined, ["x/".repeat(DEPTH_MAX).slice(0, -1)]]);
  assertEquals(await harness.texts({ sources: [{ glob: "**/*.log" }] }), ["a\n", "b\n", "d\n"]);
  assertEquals(await harness.texts({ sources: [{ glob: "*.log" }] }), ["a\n"]);
});

Deno.test("collect() refuses a glob that is too deep, and hints at deep folders if nothing matches", async () => {
  await using harness = await openHarness();
  await harness.write("x/".repeat(DEPTH_MAX) + "c.log", "c\n");
  const refused = async (glob: string) => {
    const { code, message } = await assertRejects(
      () => harness.collect({ sources: [{ glob }] }),
      CodedError,
    );
    return [code, message];
  };
  const [code] = await refused("*/".repeat(DEPTH_MAX) + "*.log");
  assertEquals(code, "invalid_input");
  const [none, why] = await refused("**/*.csv");
  assertEquals(none, "not_found");
  assertStringIncludes(why, "is too deep to be looked into");
});

Deno.test("walk() lists all files part by part, each once and in order", async () => {
  await using harness = await openHarness();
  const all = [
    "a-b/c",
    "a",
    "a.log",
    "b/a/c",
    "b/b",
    "b/c/d/e",
    "b/c/d/f",
    "b/c/e",
    "c/.h",
    "c/a\\b",
    "c/" + "n".repeat(PATH_CHARS_MAX - 1),
    "d/e/f",
  ];
  for (const path of all) await harness.write(path, "x\n");
  await Deno.symlink("..", `${harness.inbox}/c/up`);
  const wanted = all.filter((path) => !path.startsWith("c/")).sort();
  const parts = [1, 2, 3, 7, all.length];
  for (const bounds of parts.flatMap((max) => [{ filesMax: max }, { entriesMax: max }])) {
    const found: string[] = [];
    let after: string | undefined;
    for (let part = 0; part < 2 * all.length; part++) {
      const { paths, next } = await walk(harness.inbox, { after, ...bounds });
      found.push(...paths);
      after = next;
      if (next === undefined) break;
    }
    assertEquals([after, found], [undefined, wanted], JSON.stringify(bounds));
  }
  const openedNo = async (folder: string, bounds: WalkOptions, paths: string[]) =>
    assertEquals(await walk(harness.inbox, bounds), { paths, next: folder, tooDeep: [] });
  await openedNo("a-b/", { entriesMax: 6 }, ["a"]);
  await openedNo("b/c/d/", { after: "b/c/", entriesMax: 1 }, []);
  const flat = await walk(harness.inbox, { depth: 1, entriesMax: 6 });
  assertEquals(flat, { paths: ["a", "a.log"], tooDeep: [] });
  assertEquals((await walk(harness.inbox, { after: "b/c/\uffff" })).paths, ["d/e/f"]);
  assertEquals((await walk(harness.inbox, { after: "b/c/" })).paths, wanted.slice(5));
});

Deno.test("walk() reports at most ten folders that are too deep, and keeps at most entriesMax paths of a folder", async () => {
  await using harness = await openHarness();
  for (let n = 0; n < 12; n++) await harness.write(`${n}/`.repeat(DEPTH_MAX) + "c.log", "c\n");
  assertEquals((await walk(harness.inbox)).tooDeep.length, 10);
  for (let n = 0; n < 12; n++) await harness.write(`a/${10 + n}.log`, "a\n");
  const { paths, next } = await walk(harness.inbox, { folder: "a", entriesMax: 3 });
  assertEquals([paths, next], [["a/10.log", "a/11.log", "a/12.log"], "a/12.log"]);
});

Deno.test("walk() passes over a folder that is removed before it is listed", async () => {
  await using harness = await openHarness();
  for (const path of ["a", "b/c", "d"]) await harness.write(path, "x\n");
  const wanted = (path: string): boolean => {
    if (path === "a") Deno.removeSync(`${harness.inbox}/b`, { recursive: true });
    return true;
  };
  assertEquals((await walk(harness.inbox, { wanted })).paths, ["a", "d"]);
});

Deno.test("walk() sorts whole paths", async () => {
  await using harness = await openHarness();
  for (const path of ["b/a", "b.log", "a", "b-c/d", "B"]) await harness.write(path, "x\n");
  assertEquals((await walk(harness.inbox)).paths, ["B", "a", "b-c/d", "b.log", "b/a"]);
  assertEquals((await walk(harness.inbox, { folder: "b" })).paths, ["b/a"]);
});

Deno.test("walk() ends at an abort within a folder of many names", async () => {
  await using harness = await openHarness();
  const names = Array.from({ length: 2_500 }, (_, n) => `${n}.log`);
  for (const name of names) await Deno.writeTextFile(`${harness.inbox}/${name}`, "");
  const aborter = new AbortController();
  let looked = 0;
  const wanted = (): boolean => {
    if (looked++ === 0) setTimeout(() => aborter.abort(new CodedError("cancelled", "gone")));
    return true;
  };
  const walking = walk(harness.inbox, { wanted, signal: aborter.signal });
  await assertRejects(() => walking, CodedError, "gone");
  assert(looked < names.length, `all ${looked} names were looked at`);
});
