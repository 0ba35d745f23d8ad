import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { CodedError, type ErrorCode } from "../../../lib/errors.ts";
import { FILES_MAX } from "../../../agents/collector/inbox/walk.ts";
import type { Source } from "../../../agents/shapes.ts";
import { ignoreMissing } from "../../../lib/system_errors.ts";
import { within } from "../../harness/waiting.ts";
import { unsyncedDisk } from "../../lib/disk/faulty_disk.ts";
import { CollectorHarness, openHarness } from "./collector_harness.ts";

async function refused(harness: CollectorHarness, source: Source, code: ErrorCode, words: string) {
  const error = await assertRejects(() => harness.collect({ sources: [source] }), CodedError);
  assertEquals(error.code, code, error.message);
  assertStringIncludes(error.message, words);
}

Deno.test("collect() refuses paths that are not below the inbox", async () => {
  await using harness = await openHarness();
  await harness.write("a/b.log", "x\n");
  await refused(harness, { file: "/etc/hostname" }, "invalid_input", "an absolute path");
  await refused(harness, { file: "../b.log" }, "invalid_input", '".."');
  await refused(harness, { file: "a/../a/b.log" }, "invalid_input", '".."');
  await refused(harness, { file: "./a/b.log" }, "invalid_input", "empty or");
  await refused(harness, { file: "a//b.log" }, "invalid_input", "empty or");
  await refused(harness, { file: "a\\b.log" }, "invalid_input", "backslash");
  await refused(harness, { file: "a/b.log\0" }, "invalid_input", "NUL");
  await refused(harness, { file: '../"\x1b' }, "invalid_input", String.raw`"../\"\u001b"`);
  await refused(harness, { glob: "../*" }, "invalid_input", '".."');
  await refused(harness, { glob: "*/../*" }, "invalid_input", '".."');
  await refused(harness, { glob: "/etc/*" }, "invalid_input", "an absolute path");
});

Deno.test("collect() accepts the longest path, but no longer path, and no temporary file in a glob", async () => {
  await using harness = await openHarness();
  const longest = `${"a".repeat(200)}/${"b".repeat(55)}`;
  for (const path of [longest, `${longest}c`, "a.log~"]) await harness.write(path, `${path}\n`);
  assertEquals(await harness.texts({ sources: [{ file: longest }] }), [`${longest}\n`]);
  await refused(harness, { file: `${longest}c` }, "invalid_input", "longer than 256 characters");
  assertEquals(await harness.texts({ sources: [{ glob: "**" }] }), [`${longest}\n`]);
});

Deno.test("collect() refuses a glob that matches more files than one walk returns", async () => {
  await using harness = await openHarness();
  using _ = unsyncedDisk(); // for its calls, which are the quicker ones for so many files
  const none = new Uint8Array();
  for (let n = 0; n <= FILES_MAX; n++) await Deno.writeFile(`${harness.inbox}/${n}.log`, none);
  await refused(harness, { glob: "*.log" }, "invalid_input", "use narrower globs");
});

Deno.test("collect() reports a missing file, and a glob without a match", async () => {
  await using harness = await openHarness();
  await harness.write("a.log", "x\n");
  await refused(harness, { file: "b.log" }, "not_found", '"b.log"');
  await refused(harness, { file: "a.log/b.log" }, "not_found", '"a.log/b.log"');
  await refused(harness, { glob: "*.csv" }, "not_found", '"*.csv"');
  await refused(harness, { glob: "logs/*" }, "not_found", '"logs"');
});

Deno.test("collect() refuses a name that the file system does not take", async () => {
  await using harness = await openHarness();
  await harness.write("a.log", "x\n");
  const long = "é".repeat(200);
  for (const file of [long, `${long}/a.log`, `a.log/${long}`]) {
    const code = file.startsWith("a.log") ? "not_found" : "invalid_input";
    await refused(harness, { file }, code, code === "not_found" ? long : "longer than");
    await refused(
      harness,
      { glob: `${file}/*` },
      code,
      code === "not_found" ? long : "longer than",
    );
  }
});

Deno.test("collect() refuses links in a circle, and folders that it may not read", async () => {
  await using harness = await openHarness();
  await harness.write("closed/a.log", "x\n");
  await Deno.symlink("round", `${harness.inbox}/round`);
  await refused(harness, { file: "round" }, "invalid_input", "symbolic link");
  await refused(harness, { glob: "round/*" }, "invalid_input", "symbolic link");
  await using round = new CollectorHarness(`${harness.inbox}/round`);
  await refused(round, { file: "a.log" }, "invalid_input", "in a circle");
  const folder = `${harness.inbox}/closed`;
  await Deno.chmod(folder, 0);
  if (await Deno.readTextFile(`${folder}/a.log`).catch(() => undefined) === undefined) {
    await refused(harness, { file: "closed/a.log" }, "invalid_input", "change its mode");
    assertEquals((await harness.scan()).files, []);
  }
  await Deno.chmod(folder, 0o755);
});

Deno.test("collect() does not wait for a FIFO that replaces a file while it is opened", async () => {
  await using harness = await openHarness();
  await using beside = await openHarness();
  await beside.write("plain", "x\n");
  const made = await new Deno.Command("mkfifo", { args: [`${beside.inbox}/pipe`] }).output();
  assertEquals(made.success, true);
  await harness.write("a.log", "x\n");
  let swaps = 0, isOver = false;
  const swapping = (async () => {
    for (; !isOver; swaps++) {
      await Deno.link(`${beside.inbox}/${swaps % 2 === 0 ? "pipe" : "plain"}`, `${beside.inbox}/x`);
      await Deno.rename(`${beside.inbox}/x`, `${harness.inbox}/a.log`);
    }
  })();
  try {
    for (let tries = 0; tries < 500; tries++) {
      await within(
        harness.collect({ sources: [{ file: "a.log" }] }).catch((error) => {
          if (!(error instanceof CodedError)) throw error;
        }),
        "the answer",
      );
    }
  } finally {
    isOver = true;
    await swapping;
  }
});

Deno.test("collect() refuses a directory and suggests a glob", async () => {
  await using harness = await openHarness();
  await harness.write("logs/a.log", "x\n");
  await refused(harness, { file: "logs" }, "invalid_input", 'use the glob "logs/*"');
});

Deno.test("collect() refuses links anywhere in the path", async () => {
  await using outside = await openHarness();
  await using harness = await openHarness();
  await outside.write("secret.log", "secret\n");
  await harness.write("plain.log", "plain\n");
  await Deno.symlink(`${outside.inbox}/secret.log`, `${harness.inbox}/link.log`);
  await Deno.symlink(outside.inbox, `${harness.inbox}/folder`);
  await Deno.symlink("plain.log", `${harness.inbox}/inner.log`);
  await refused(harness, { file: "link.log" }, "invalid_input", "symbolic link");
  await refused(harness, { file: "inner.log" }, "invalid_input", "symbolic link");
  await refused(
    harness,
    { file: "folder/secret.log" },
    "invalid_input",
    '"folder" is a symbolic link',
  );
  await refused(harness, { glob: "folder/*" }, "invalid_input", '"folder" is a symbolic link');
  assertEquals(await harness.texts({ sources: [{ glob: "**/*.log" }] }), ["plain\n"]);
});

Deno.test("collect() refuses a FIFO without opening it", async () => {
  await using harness = await openHarness();
  const { success } = await new Deno.Command("mkfifo", { args: [`${harness.inbox}/pipe.log`] })
    .output();
  assertEquals(success, true);
  await refused(harness, { file: "pipe.log" }, "invalid_input", "a FIFO");
  await refused(harness, { glob: "*.log" }, "not_found", '"*.log"');
  assertEquals((await harness.scan()).files, []);
});

Deno.test("collect() refuses binary files", async () => {
  await using harness = await openHarness();
  await harness.write("image.log", new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 13]));
  await refused(harness, { file: "image.log" }, "invalid_input", "not text");
  for await (const { name } of Deno.readDir("/proc/self/fd")) {
    const open = await Deno.readLink(`/proc/self/fd/${name}`).catch(ignoreMissing);
    assertEquals(open?.startsWith(harness.inbox) ?? false, false, "nothing of it stays open");
  }
});

Deno.test("collect() refuses a cursor that does not belong to its sources", async () => {
  await using harness = await openHarness();
  await harness.write("a.log", "x\n");
  await harness.write("b.log", "y\n");
  const at = { offset: 1, line: 1, size: 2, digest: "0".repeat(64) };
  const wrong = [
    { source: 1, path: "a.log" },
    { source: 0 },
    { source: 0, path: "b.log" },
    { source: 0, path: "../a.log", at },
    { source: 0, path: "a.log", at: { ...at, offset: 0 } },
  ];
  for (const cursor of wrong) {
    const error = await assertRejects(
      () => harness.collect({ sources: [{ file: "a.log" }], cursor }),
      CodedError,
    );
    assertEquals(error.code, "invalid_input", JSON.stringify(cursor));
  }
  const others: [Source, path?: string][] = [
    [{ glob: "b*" }, "a.log"],
    [{ glob: "b*" }],
    [{ text: "x\n" }, "a.log"],
  ];
  for (const [source, path] of others) {
    const elsewhere = () => harness.collect({ sources: [source], cursor: { source: 0, path, at } });
    assertEquals((await assertRejects(elsewhere, CodedError)).code, "invalid_input");
  }
});

Deno.test("collect() reports a missing inbox", async () => {
  await using harness = await openHarness();
  await Deno.rename(harness.inbox, `${harness.inbox}-moved`);
  try {
    await refused(harness, { glob: "*" }, "not_found", "no such folder");
    const error = await assertRejects(() => harness.scan(), CodedError);
    assertStringIncludes(error.message, harness.inbox);
    await Deno.writeTextFile(harness.inbox, "a file in its place");
    await refused(harness, { glob: "*" }, "not_found", "no such folder");
    assertEquals((await assertRejects(() => harness.scan(), CodedError)).code, "not_found");
    await Deno.remove(harness.inbox);
  } finally {
    await Deno.rename(`${harness.inbox}-moved`, harness.inbox);
  }
});
