import { assertEquals } from "@std/assert";
import { unsyncedDisk } from "../../lib/disk/faulty_disk.ts";
import { CollectorHarness, openHarness } from "./collector_harness.ts";

Deno.test("scan() lists the files with uncollected content, oldest first", async () => {
  await using harness = await openHarness();
  await harness.write("b.log", "bb\n");
  await harness.write("a-2026-11-01.log", "a\n");
  harness.written -= 5000;
  await harness.write("logs/c.log", "ccc\n");
  await harness.write("empty.log", "");
  await harness.write(".hidden", "x\n");
  await harness.write("x.tmp", "x\n");
  const { files, more } = await harness.scan();
  assertEquals(more, false);
  assertEquals(files, [
    { path: "logs/c.log", stream: "logs/c.log", bytes: 4, fresh_bytes: 4, modified: 995_000 },
    { path: "a-2026-11-01.log", stream: "a.log", bytes: 2, fresh_bytes: 2, modified: 1_000_000 },
    { path: "b.log", stream: "b.log", bytes: 3, fresh_bytes: 3, modified: 1_000_000 },
  ]);
});

Deno.test("scan() leaves out a file that is still being written", async () => {
  await using harness = await openHarness();
  await harness.write("a.log", "a\n");
  const seen = async (now: number, settle?: number) => {
    harness.now = now;
    return (await harness.scan(settle)).files.length;
  };
  assertEquals(await seen(1_000_999), 0);
  assertEquals(await seen(1_001_000), 1);
  assertEquals(await seen(1_001_000, 5000), 0);
  assertEquals(await seen(1_000_000, 0), 1);
  assertEquals(await seen(500_000), 1, "a file of a later time is not waited for");
});

Deno.test("scan() counts only what was added since the file was collected", async () => {
  await using harness = await openHarness();
  const fresh = async () => (await harness.scan()).files.map(({ fresh_bytes }) => fresh_bytes);
  await harness.write("a.log", "one\n");
  assertEquals(await fresh(), [4]);
  await harness.pages({ sources: [{ file: "a.log" }] });
  assertEquals(await fresh(), []);
  harness.written += 1000;
  await Deno.utime(`${harness.inbox}/a.log`, 1001, 1001);
  assertEquals(await fresh(), [], "touched, but the same");
  await harness.write("a.log", "two\n", true);
  assertEquals(await fresh(), [4]);
  await harness.write("a.log", "quite another\n");
  assertEquals(await fresh(), [14]);
});

Deno.test("scan() ignores links", async () => {
  await using outside = await openHarness();
  await using harness = await openHarness();
  await outside.write("secret.log", "secret\n");
  await Deno.symlink(outside.inbox, `${harness.inbox}/folder`);
  await Deno.symlink(`${outside.inbox}/secret.log`, `${harness.inbox}/link.log`);
  assertEquals((await harness.scan()).files, []);
});

Deno.test("scan() reaches a new file after 12,000 collected or empty files", async () => {
  await using harness = await openHarness();
  using _ = unsyncedDisk(); // for its calls, which are the quicker ones for so many files
  const old = 12_000;
  await Deno.mkdir(`${harness.inbox}/old`);
  const seen = { offset: 2, line: 2, modified: harness.written, digest: "", collected_at: 0 };
  for (let at = 0; at < old; at++) {
    const isEmpty = at % 2 === 0;
    await harness.write(`old/${at}.log`, isEmpty ? "" : "x\n");
    if (!isEmpty) harness.memory.set(`file/old/${at}.log`, seen);
  }
  await harness.write("z.log", "new\n");
  const found: string[] = [];
  let more = true;
  for (let scans = 0; more && scans < 3; scans++) {
    const answer = await harness.scan();
    found.push(...answer.files.map(({ path }) => path));
    more = answer.more;
  }
  assertEquals([more, found], [false, ["z.log"]]);
  await harness.write("a.log", "new\n");
  const { files } = await harness.scan();
  assertEquals(files.map(({ path }) => path), ["a.log"], "the next round has begun");
});

Deno.test("scan() lists each fresh file once in a round of several answers", async () => {
  await using harness = await openHarness();
  const all = Array.from({ length: 2_100 }, (_, at) => `${at}.log`);
  for (const path of all) await harness.write(path, "x\n");
  const found: string[] = [];
  const counts: number[] = [];
  let more = true;
  while (more) {
    const answer = await harness.scan();
    found.push(...answer.files.map(({ path }) => path));
    counts.push(answer.files.length);
    more = answer.more;
  }
  assertEquals([counts, found.sort()], [[1000, 1000, 100], all.sort()]);
});

Deno.test("scan() leaves out a folder that is too deep, and reports it", async () => {
  await using harness = await openHarness();
  await harness.write("d/".repeat(17) + "deep.log", "x\n");
  await harness.write("honest/h.log", "x\n");
  const { files, more, too_deep } = await harness.scan();
  assertEquals(files.map(({ path }) => path), ["honest/h.log"]);
  assertEquals([more, too_deep], [false, ["d/".repeat(16).slice(0, -1)]]);
});

Deno.test({
  name: "scan() lists a file of the year 3,000,000 once, until it grows",
  ignore: Deno.build.os !== "linux", // a file system that has such years
  async fn() {
    await using harness = new CollectorHarness(await Deno.makeTempDir({ dir: "/dev/shm" }));
    harness.written = 1e17;
    await harness.write("a.log", "a\n");
    const paths = async (): Promise<string[]> =>
      (await harness.scan()).files.map(({ path }) => path);
    assertEquals(await paths(), ["a.log"]);
    assertEquals(await harness.texts({ sources: [{ file: "a.log" }], only_new: true }), ["a\n"]);
    assertEquals(await paths(), []);
    await harness.write("a.log", "b\n", true);
    assertEquals(await paths(), ["a.log"]);
    assertEquals(await harness.texts({ sources: [{ file: "a.log" }], only_new: true }), ["b\n"]);
  },
});
