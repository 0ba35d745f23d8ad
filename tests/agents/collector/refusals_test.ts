import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { CodedError, type ErrorCode } from "../../../lib/errors.ts";
import { FILES_MAX } from "../../../agents/collector/inbox/walk.ts";
import type { Source } from "../../../agents/shapes.ts";
import { ignoreMissing } from "../../../lib/system_errors.ts";
import { within } from "../../harness/waiting.ts";
import { CollectorHarness, openDesk } from "./collector_harness.ts";

async function refused(desk: CollectorHarness, source: Source, code: ErrorCode, words: string) {
  const error = await assertRejects(() => desk.collect({ sources: [source] }), CodedError);
  assertEquals(error.code, code, error.message);
  assertStringIncludes(error.message, words);
}

Deno.test("collect() refuses paths that are not below the inbox", async () => {
  await using desk = await openDesk();
  await desk.write("a/b.log", "x\n");
  await refused(desk, { file: "/etc/hostname" }, "invalid_input", "an absolute path");
  await refused(desk, { file: "../b.log" }, "invalid_input", '".."');
  await refused(desk, { file: "a/../a/b.log" }, "invalid_input", '".."');
  await refused(desk, { file: "./a/b.log" }, "invalid_input", "empty or");
  await refused(desk, { file: "a//b.log" }, "invalid_input", "empty or");
  await refused(desk, { file: "a\\b.log" }, "invalid_input", "backslash");
  await refused(desk, { file: "a/b.log\0" }, "invalid_input", "NUL");
  await refused(desk, { file: '../"\x1b' }, "invalid_input", String.raw`"../\"\u001b"`);
  await refused(desk, { glob: "../*" }, "invalid_input", '".."');
  await refused(desk, { glob: "*/../*" }, "invalid_input", '".."');
  await refused(desk, { glob: "/etc/*" }, "invalid_input", "an absolute path");
});

Deno.test("collect() takes the longest path, and neither a longer one nor one that is passing", async () => {
  await using desk = await openDesk();
  const longest = `${"a".repeat(200)}/${"b".repeat(55)}`;
  for (const path of [longest, `${longest}c`, "a.log~"]) await desk.write(path, `${path}\n`);
  assertEquals(await desk.texts({ sources: [{ file: longest }] }), [`${longest}\n`]);
  await refused(desk, { file: `${longest}c` }, "invalid_input", "longer than 256 characters");
  assertEquals(await desk.texts({ sources: [{ glob: "**" }] }), [`${longest}\n`]);
});

Deno.test("collect() refuses a glob that more files match than one walk gives", async () => {
  await using desk = await openDesk();
  for (let n = 0; n <= FILES_MAX; n++) await Deno.writeTextFile(`${desk.inbox}/${n}.log`, "");
  await refused(desk, { glob: "*.log" }, "invalid_input", "use narrower globs");
});

Deno.test("collect() says what is not there", async () => {
  await using desk = await openDesk();
  await desk.write("a.log", "x\n");
  await refused(desk, { file: "b.log" }, "not_found", '"b.log"');
  await refused(desk, { file: "a.log/b.log" }, "not_found", '"a.log/b.log"');
  await refused(desk, { glob: "*.csv" }, "not_found", '"*.csv"');
  await refused(desk, { glob: "logs/*" }, "not_found", '"logs"');
});

Deno.test("collect() refuses a name that the file system does not take", async () => {
  await using desk = await openDesk();
  await desk.write("a.log", "x\n");
  const long = "é".repeat(200);
  for (const file of [long, `${long}/a.log`, `a.log/${long}`]) {
    const code = file.startsWith("a.log") ? "not_found" : "invalid_input";
    await refused(desk, { file }, code, code === "not_found" ? long : "longer than");
    await refused(desk, { glob: `${file}/*` }, code, code === "not_found" ? long : "longer than");
  }
});

Deno.test("collect() names a path that leads round in a circle, or is closed to it", async () => {
  await using desk = await openDesk();
  await desk.write("closed/a.log", "x\n");
  await Deno.symlink("round", `${desk.inbox}/round`);
  await refused(desk, { file: "round" }, "invalid_input", "symbolic link");
  await refused(desk, { glob: "round/*" }, "invalid_input", "symbolic link");
  await using round = new CollectorHarness(`${desk.inbox}/round`);
  await refused(round, { file: "a.log" }, "invalid_input", "in a circle");
  const folder = `${desk.inbox}/closed`;
  await Deno.chmod(folder, 0);
  if (await Deno.readTextFile(`${folder}/a.log`).catch(() => undefined) === undefined) {
    await refused(desk, { file: "closed/a.log" }, "invalid_input", "change its mode");
    assertEquals((await desk.scan()).files, []);
  }
  await Deno.chmod(folder, 0o755);
});

Deno.test("collect() does not wait for a FIFO that comes in a file's place while it opens it", async () => {
  await using desk = await openDesk();
  await using beside = await openDesk();
  await beside.write("plain", "x\n");
  const made = await new Deno.Command("mkfifo", { args: [`${beside.inbox}/pipe`] }).output();
  assertEquals(made.success, true);
  await desk.write("a.log", "x\n");
  let swaps = 0, isOver = false;
  const swapping = (async () => {
    for (; !isOver; swaps++) {
      await Deno.link(`${beside.inbox}/${swaps % 2 === 0 ? "pipe" : "plain"}`, `${beside.inbox}/x`);
      await Deno.rename(`${beside.inbox}/x`, `${desk.inbox}/a.log`);
    }
  })();
  try {
    for (let tries = 0; tries < 500; tries++) {
      await within(
        desk.collect({ sources: [{ file: "a.log" }] }).catch((error) => {
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

Deno.test("collect() refuses a directory and names the way out", async () => {
  await using desk = await openDesk();
  await desk.write("logs/a.log", "x\n");
  await refused(desk, { file: "logs" }, "invalid_input", 'use the glob "logs/*"');
});

Deno.test("collect() refuses links, wherever they are in the path", async () => {
  await using outside = await openDesk();
  await using desk = await openDesk();
  await outside.write("secret.log", "secret\n");
  await desk.write("plain.log", "plain\n");
  await Deno.symlink(`${outside.inbox}/secret.log`, `${desk.inbox}/link.log`);
  await Deno.symlink(outside.inbox, `${desk.inbox}/folder`);
  await Deno.symlink("plain.log", `${desk.inbox}/inner.log`);
  await refused(desk, { file: "link.log" }, "invalid_input", "symbolic link");
  await refused(desk, { file: "inner.log" }, "invalid_input", "symbolic link");
  await refused(
    desk,
    { file: "folder/secret.log" },
    "invalid_input",
    '"folder" is a symbolic link',
  );
  await refused(desk, { glob: "folder/*" }, "invalid_input", '"folder" is a symbolic link');
  assertEquals(await desk.texts({ sources: [{ glob: "**/*.log" }] }), ["plain\n"]);
});

Deno.test("collect() refuses a FIFO without opening it", async () => {
  await using desk = await openDesk();
  const { success } = await new Deno.Command("mkfifo", { args: [`${desk.inbox}/pipe.log`] })
    .output();
  assertEquals(success, true);
  await refused(desk, { file: "pipe.log" }, "invalid_input", "a FIFO");
  await refused(desk, { glob: "*.log" }, "not_found", '"*.log"');
  assertEquals((await desk.scan()).files, []);
});

Deno.test("collect() refuses what is no text", async () => {
  await using desk = await openDesk();
  await desk.write("image.log", new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 13]));
  await refused(desk, { file: "image.log" }, "invalid_input", "not text");
  for await (const { name } of Deno.readDir("/proc/self/fd")) {
    const open = await Deno.readLink(`/proc/self/fd/${name}`).catch(ignoreMissing);
    assertEquals(open?.startsWith(desk.inbox) ?? false, false, "nothing of it stays open");
  }
});

Deno.test("collect() refuses a cursor that is not of its sources", async () => {
  await using desk = await openDesk();
  await desk.write("a.log", "x\n");
  await desk.write("b.log", "y\n");
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
      () => desk.collect({ sources: [{ file: "a.log" }], cursor }),
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
    const elsewhere = () => desk.collect({ sources: [source], cursor: { source: 0, path, at } });
    assertEquals((await assertRejects(elsewhere, CodedError)).code, "invalid_input");
  }
});

Deno.test("collect() names a missing inbox", async () => {
  await using desk = await openDesk();
  await Deno.rename(desk.inbox, `${desk.inbox}-moved`);
  try {
    await refused(desk, { glob: "*" }, "not_found", "no such folder");
    const error = await assertRejects(() => desk.scan(), CodedError);
    assertStringIncludes(error.message, desk.inbox);
    await Deno.writeTextFile(desk.inbox, "a file in its place");
    await refused(desk, { glob: "*" }, "not_found", "no such folder");
    assertEquals((await assertRejects(() => desk.scan(), CodedError)).code, "not_found");
    await Deno.remove(desk.inbox);
  } finally {
    await Deno.rename(`${desk.inbox}-moved`, desk.inbox);
  }
});
