import { assertEquals } from "@std/assert";
import { openDesk } from "./desk.ts";

Deno.test("scan() lists what has not been collected, the oldest first", async () => {
  await using desk = await openDesk();
  await desk.write("b.log", "bb\n");
  await desk.write("a-2026-11-01.log", "a\n");
  desk.written -= 5000;
  await desk.write("logs/c.log", "ccc\n");
  await desk.write("empty.log", "");
  await desk.write(".hidden", "x\n");
  await desk.write("x.tmp", "x\n");
  const { files, more } = await desk.scan();
  assertEquals(more, false);
  assertEquals(files, [
    { path: "logs/c.log", stream: "logs/c.log", bytes: 4, fresh_bytes: 4, modified: 995_000 },
    { path: "a-2026-11-01.log", stream: "a.log", bytes: 2, fresh_bytes: 2, modified: 1_000_000 },
    { path: "b.log", stream: "b.log", bytes: 3, fresh_bytes: 3, modified: 1_000_000 },
  ]);
});

Deno.test("scan() leaves a file alone that is still being written", async () => {
  await using desk = await openDesk();
  await desk.write("a.log", "a\n");
  const seen = async (now: number, settle?: number) => {
    desk.now = now;
    return (await desk.scan(settle)).files.length;
  };
  assertEquals(await seen(1_000_999), 0);
  assertEquals(await seen(1_001_000), 1);
  assertEquals(await seen(1_001_000, 5000), 0);
  assertEquals(await seen(1_000_000, 0), 1);
  assertEquals(await seen(500_000), 1, "a time that lies ahead is no reason to wait for it");
});

Deno.test("scan() counts only what was added since the file was collected", async () => {
  await using desk = await openDesk();
  const fresh = async () => (await desk.scan()).files.map(({ fresh_bytes }) => fresh_bytes);
  await desk.write("a.log", "one\n");
  assertEquals(await fresh(), [4]);
  await desk.pages({ sources: [{ file: "a.log" }] });
  assertEquals(await fresh(), []);
  desk.written += 1000;
  await Deno.utime(`${desk.inbox}/a.log`, 1001, 1001);
  assertEquals(await fresh(), [], "touched, but the same");
  await desk.write("a.log", "two\n", true);
  assertEquals(await fresh(), [4]);
  await desk.write("a.log", "quite another\n");
  assertEquals(await fresh(), [14]);
});

Deno.test("scan() takes a link below the inbox for nothing", async () => {
  await using outside = await openDesk();
  await using desk = await openDesk();
  await outside.write("secret.log", "secret\n");
  await Deno.symlink(outside.inbox, `${desk.inbox}/folder`);
  await Deno.symlink(`${outside.inbox}/secret.log`, `${desk.inbox}/link.log`);
  assertEquals((await desk.scan()).files, []);
});
