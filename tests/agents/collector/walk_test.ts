import { assertEquals, assertRejects } from "@std/assert";
import { DEPTH_MAX, walk } from "../../../agents/collector/walk.ts";
import { CodedError } from "../../../lib/errors.ts";
import { openDesk } from "./desk.ts";

Deno.test("walk() says when folders are too deep, but only to who looks into them", async () => {
  await using desk = await openDesk();
  await desk.write("a.log", "a\n");
  await desk.write("x/".repeat(DEPTH_MAX - 1) + "b.log", "b\n");
  assertEquals((await walk(desk.inbox)).more, false);
  await desk.write("x/".repeat(DEPTH_MAX) + "c.log", "c\n");
  assertEquals((await walk(desk.inbox)).more, true);
  assertEquals((await desk.scan()).more, true);
  assertEquals(await desk.texts({ sources: [{ glob: "*.log" }] }), ["a\n"]);
  const deep = () => desk.collect({ sources: [{ glob: "**/*.log" }] });
  assertEquals((await assertRejects(deep, CodedError)).code, "invalid_input");
});

Deno.test("walk() sorts whole paths", async () => {
  await using desk = await openDesk();
  for (const path of ["b/a", "b.log", "a", "b-c/d", "B"]) await desk.write(path, "x\n");
  assertEquals((await walk(desk.inbox)).paths, ["B", "a", "b-c/d", "b.log", "b/a"]);
  assertEquals((await walk(desk.inbox, { folder: "b" })).paths, ["b/a"]);
});
