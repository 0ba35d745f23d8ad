import { assertEquals } from "@std/assert";
import { CollectorHarness, openDesk } from "./collector_harness.ts";

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

Deno.test("scan() comes to a new file however many lie there that are collected or empty", async () => {
  await using desk = await openDesk();
  const old = 12_000;
  await Deno.mkdir(`${desk.inbox}/old`);
  const seen = { offset: 2, line: 2, modified: desk.written, digest: "", collected_at: 0 };
  for (let at = 0; at < old; at++) {
    const isEmpty = at % 2 === 0;
    await desk.write(`old/${at}.log`, isEmpty ? "" : "x\n");
    if (!isEmpty) desk.memory.set(`file/old/${at}.log`, seen);
  }
  await desk.write("z.log", "new\n");
  const found: string[] = [];
  let more = true;
  for (let scans = 0; more && scans < 3; scans++) {
    const answer = await desk.scan();
    found.push(...answer.files.map(({ path }) => path));
    more = answer.more;
  }
  assertEquals([more, found], [false, ["z.log"]]);
  await desk.write("a.log", "new\n");
  const { files } = await desk.scan();
  assertEquals(files.map(({ path }) => path), ["a.log"], "it has begun anew");
});

Deno.test("scan() names each fresh file once in a round, whatever an answer holds", async () => {
  await using desk = await openDesk();
  const all = Array.from({ length: 2_100 }, (_, at) => `${at}.log`);
  for (const path of all) await desk.write(path, "x\n");
  const found: string[] = [];
  const counts: number[] = [];
  let more = true;
  while (more) {
    const answer = await desk.scan();
    found.push(...answer.files.map(({ path }) => path));
    counts.push(answer.files.length);
    more = answer.more;
  }
  assertEquals([counts, found.sort()], [[1000, 1000, 100], all.sort()]);
});

Deno.test("scan() leaves out the one folder that is too deep, and names it", async () => {
  await using desk = await openDesk();
  await desk.write("d/".repeat(17) + "deep.log", "x\n");
  await desk.write("honest/h.log", "x\n");
  const { files, more, too_deep } = await desk.scan();
  assertEquals(files.map(({ path }) => path), ["honest/h.log"]);
  assertEquals([more, too_deep], [false, ["d/".repeat(16).slice(0, -1)]]);
});

Deno.test({
  name: "scan() names a file of the year 3,000,000 once, until it grows",
  ignore: Deno.build.os !== "linux", // a file system that has such years
  async fn() {
    await using desk = new CollectorHarness(await Deno.makeTempDir({ dir: "/dev/shm" }));
    desk.written = 1e17;
    await desk.write("a.log", "a\n");
    const paths = async (): Promise<string[]> => (await desk.scan()).files.map(({ path }) => path);
    assertEquals(await paths(), ["a.log"]);
    assertEquals(await desk.texts({ sources: [{ file: "a.log" }], only_new: true }), ["a\n"]);
    assertEquals(await paths(), []);
    await desk.write("a.log", "b\n", true);
    assertEquals(await paths(), ["a.log"]);
    assertEquals(await desk.texts({ sources: [{ file: "a.log" }], only_new: true }), ["b\n"]);
  },
});
