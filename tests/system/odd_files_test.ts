/**
 * Roles refuse everything but plain files, at once and in one line, and neither read nor change the
 * target of a link. A hard link is a plain file.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { collector } from "../../agents/collector/collector.ts";
import type { Context, Op } from "../../agents/define.ts";
import { MemoryDraft } from "../../agents/runtime/draft.ts";
import { reporter } from "../../agents/reporter/reporter.ts";
import { CodedError } from "../../lib/errors.ts";
import { EXIT, ExitError } from "../../lib/exit.ts";
import { repair } from "../../lib/disk/repair.ts";
import { ROLES } from "../../lib/roles.ts";
import { analysis } from "../agents/reporter/sample.ts";
import { TempFolder } from "../harness/temp_folder.ts";
import { skip } from "../harness/test_output.ts";
import { within } from "../harness/waiting.ts";
import { contentOf, ODD_KINDS, type OddFile, type OddKind, TREASURE } from "./odd_file.ts";
import { openMemory, stateOf } from "../lib/disk/memories.ts";
import { RoleProcesses } from "../harness/role_processes.ts";

const RESERVE_BYTES = 4096;

/** Runs `work` with two folders: that of the role, and one that the role must not touch. */
async function inFolders(work: (folder: string, outside: string) => Promise<void>): Promise<void> {
  await using temp = await TempFolder.make();
  const [folder, outside] = [`${temp.path}/m`, `${temp.path}/outside`];
  await Deno.mkdir(outside);
  await work(folder, outside);
}

/** Replaces a file by something odd, runs `work`, and checks that the target has not changed. */
async function withOdd(
  t: Deno.TestContext,
  { name, make }: OddKind,
  { path, outside }: { path: string; outside: string },
  work: () => Promise<void>,
): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch(() => {}); // it need not be there
  const made: OddFile | undefined = await make(path, outside);
  if (made === undefined) return await skip(t, `a ${name} can't be made here`);
  await using odd = made;
  await within(work(), `an answer in spite of a ${name}`);
  assertEquals(await contentOf(odd), TREASURE, `${path}: what the ${name} leads to`);
}

/** Makes a memory with all kinds of files. */
async function makeMemory(folder: string): Promise<void> {
  await using memory = await openMemory(folder, { reserveBytes: RESERVE_BYTES });
  await memory.commit(new Map([["a", 1]]));
  await memory.snapshot();
  await memory.commit(new Map([["b", 2]]));
}

async function reasonOf(open: Promise<unknown>): Promise<ExitError> {
  try {
    await open;
  } catch (error) {
    if (error instanceof ExitError) return error;
    throw error;
  }
  throw new Error("It was not refused");
}

async function close(folder: string): Promise<void> {
  await using _ = await openMemory(folder, { reserveBytes: RESERVE_BYTES });
}

const IN_MEMORY = [
  { file: "memory.json", reason: "damaged", isRepaired: true },
  { file: "journal", reason: "damaged", isRepaired: true },
  { file: "lock", reason: "not_permitted", isRepaired: false },
  { file: "reserve", reason: "not_permitted", isRepaired: false },
];

for (const { file, reason, isRepaired } of IN_MEMORY) {
  Deno.test(`Memory.open() refuses a ${file} that is no plain file`, async (t) => {
    for (const kind of ODD_KINDS) {
      await t.step(kind.name, (t) =>
        inFolders(async (folder, outside) => {
          await makeMemory(folder);
          const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
          const name = names.find((name) => name.startsWith(file))!;
          await withOdd(t, kind, { path: `${folder}/${name}`, outside }, async () => {
            const error = await reasonOf(close(folder));
            assertEquals(error.reason, reason, error.message);
            assertStringIncludes(error.message, file === "journal" ? name : file);
            assertMatch(error.message, /^.*not a plain file.*$/);
            if (!isRepaired) return;
            const options = { folder, role: "tester", say: () => {} };
            assertEquals(await repair({ ...options, acceptLoss: false }), false);
            assertEquals((await reasonOf(close(folder))).reason, reason);
            assertEquals(await repair({ ...options, acceptLoss: true }), true);
            await close(folder);
          });
        }));
    }
  });
}

Deno.test("Memory.open() removes whatever has the name of a file that is half written", async (t) => {
  for (const kind of ODD_KINDS) {
    await t.step(kind.name, (t) =>
      inFolders(async (folder, outside) => {
        await makeMemory(folder);
        await withOdd(t, kind, { path: `${folder}/memory.json.tmp`, outside }, async () => {
          if (kind.name === "folder") { // with something in it
            const { reason } = await reasonOf(close(folder));
            assert(["not_permitted", "storage_failed"].includes(reason), reason);
          } else await close(folder);
        });
      }));
  }
});

Deno.test("Memory.open() takes a hard link for the file that it is", async (t) => {
  for (const file of ["memory.json", "journal", "lock"]) {
    await t.step(file, () =>
      inFolders(async (folder, outside) => {
        await makeMemory(folder);
        const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
        const path = `${folder}/${names.find((name) => name.startsWith(file))}`;
        await Deno.link(path, `${outside}/same`);
        await using memory = await openMemory(folder);
        assertEquals(stateOf(memory), new Map([["a", 1], ["b", 2]]));
      }));
  }
});

Deno.test("Memory.open() overwrites nothing that is a hard link in place of its reserve", async () => {
  await inFolders(async (folder, outside) => {
    await Deno.mkdir(folder);
    await Deno.writeTextFile(`${outside}/treasure`, TREASURE);
    await Deno.link(`${outside}/treasure`, `${folder}/reserve`);
    await close(folder);
    assertEquals(await Deno.readTextFile(`${outside}/treasure`), TREASURE);
  });
});

Deno.test("Memory.open() refuses a folder that is none", async (t) => {
  const kinds = ODD_KINDS.filter(({ name }) => !name.includes("folder"));
  for (const kind of kinds) {
    await t.step(kind.name, (t) =>
      inFolders(async (folder, outside) => {
        await withOdd(t, kind, { path: folder, outside }, async () => {
          const { reason, message } = await reasonOf(close(folder));
          assertEquals(reason, "not_permitted", message);
        });
      }));
  }
});

Deno.test("Memory.open() follows a link in place of its whole folder", async () => {
  // The owner chooses the place of a volume, as with a mount, but not its content.
  await inFolders(async (folder, outside) => {
    await Deno.symlink(outside, folder);
    await makeMemory(folder);
    await using memory = await openMemory(outside);
    assertEquals(stateOf(memory), new Map([["a", 1], ["b", 2]]));
  });
});

/** Runs an op as an agent does, with an empty memory. */
async function runOp(op: Op, body: unknown, task = "t1"): Promise<unknown> {
  const context: Context = {
    task,
    memory: new MemoryDraft({ get: () => undefined, keys: () => [] }),
    signal: new AbortController().signal,
    note: () => {},
  };
  return await op.handle(op.input.parse(body), context);
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "done";
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    assertMatch(error.message, /^.+$/, "one line");
    return error.code;
  }
}

const REPORTS = ["md", "html", "json"].map((form) => `reports/t1/report.${form}`);
const IN_REPORTS = [
  "reports",
  "reports/t1",
  "reports/index.html",
  "reports/index.json",
  ...REPORTS,
];

Deno.test("report() and read() use only plain files and folders", async (t) => {
  for (const file of IN_REPORTS) {
    const isFolder = !file.includes(".");
    for (const kind of ODD_KINDS) {
      if (isFolder && kind.name === "folder") continue;
      await t.step(`${kind.name} for ${file}`, (t) =>
        inFolders(async (folder, outside) => {
          const { report, read } = reporter(folder).ops;
          await Deno.mkdir(folder);
          assertEquals(await codeOf(runOp(report, analysis())), "done");
          await withOdd(t, kind, { path: `${folder}/${file}`, outside }, async () => {
            assertEquals(await codeOf(runOp(report, analysis())), "handler_rejected");
            const format = /report\.(\w+)/.exec(file)?.[1];
            if (format === undefined) return;
            const code = await codeOf(runOp(read, { task: "t1", format }));
            assertEquals(code, "handler_rejected");
          });
          assertEquals(await Array.fromAsync(Deno.readDir(outside), ({ name }) => name), [
            ...(kind.name.includes("outside") || kind.name === "relative link" ? ["treasure"] : []),
          ]);
        }));
    }
  }
});

Deno.test("report() writes through nothing that has the name of a half-written file", async (t) => {
  for (const kind of ODD_KINDS.filter(({ name }) => name !== "folder")) {
    await t.step(kind.name, (t) =>
      inFolders(async (folder, outside) => {
        const { report } = reporter(folder).ops;
        await Deno.mkdir(`${folder}/reports/t1`, { recursive: true });
        const path = `${folder}/reports/t1/report.md.tmp`;
        await withOdd(t, kind, { path, outside }, async () => {
          assertEquals(await codeOf(runOp(report, analysis())), "done");
        });
      }));
  }
});

Deno.test("collect() and scan() read only plain files", async (t) => {
  for (const kind of ODD_KINDS) {
    for (const place of ["odd.log", "inner/odd.log", "inner"]) {
      const isRead = kind.name === "folder" && place === "inner";
      if (isRead) continue;
      await t.step(`${kind.name} as ${place}`, (t) =>
        inFolders(async (inbox, outside) => {
          const { collect, scan } = collector(inbox, () => 1e15).ops;
          await Deno.mkdir(`${inbox}/inner`, { recursive: true });
          await Deno.writeTextFile(`${inbox}/plain.log`, "INFO one\n");
          await Deno.writeTextFile(`${outside}/odd.log`, TREASURE);
          await withOdd(t, kind, { path: `${inbox}/${place}`, outside }, async () => {
            const file = place === "inner" ? "inner/odd.log" : place;
            const code = await codeOf(runOp(collect, { sources: [{ file }] }));
            assert(["invalid_input", "not_found"].includes(code), code);
            for (const glob of ["**", "*.log", "**/*.log"]) {
              const page = await runOp(collect, { sources: [{ glob }] });
              if (kind.name.includes("beside")) continue; // in the inbox, and plain
              assertEquals(JSON.stringify(page).includes(TREASURE), false);
            }
            const { files } = await runOp(scan, {}) as { files: { path: string }[] };
            const paths = files.map(({ path }) => path).filter((path) => !path.includes("beside"));
            assertEquals(paths, ["plain.log"]);
          });
        }));
    }
  }
});

Deno.test("collect() reads a hard link as the plain file that it is", async () => {
  await inFolders(async (inbox, outside) => {
    await Deno.mkdir(inbox);
    await Deno.writeTextFile(`${outside}/a.log`, "INFO one\n");
    await Deno.link(`${outside}/a.log`, `${inbox}/b.log`);
    const page = await runOp(collector(inbox).ops.collect, { sources: [{ file: "b.log" }] });
    assertStringIncludes(JSON.stringify(page), "INFO one");
  });
});

Deno.test("each role reports in one line a file that is not plain, and ends", async (t) => {
  const pipe = ODD_KINDS.find(({ name }) => name === "pipe")!;
  const linked = ODD_KINDS.find(({ name }) => name === "link to a file outside")!;
  const cases = [
    { file: "memory.json", kind: pipe, code: EXIT.damaged },
    { file: "journal-000000000001.ndjson", kind: linked, code: EXIT.damaged },
    { file: "lock", kind: pipe, code: EXIT.not_permitted },
    { file: "reserve", kind: linked, code: EXIT.not_permitted },
  ];
  for (const { file, kind, code } of cases) {
    await t.step(`a ${kind.name} for ${file}`, async (t) => {
      await using temp = await TempFolder.make();
      await using roles = await RoleProcesses.in(temp.path);
      await Promise.all(ROLES.map(async (role) => {
        const [folder, outside] = [`${temp.path}/memory/${role}`, `${temp.path}/outside-${role}`];
        await Deno.mkdir(folder, { recursive: true });
        await Deno.mkdir(outside);
        await withOdd(t, kind, { path: `${folder}/${file}`, outside }, async () => {
          const ran = await roles.run(role, ["serve"], { AUTH_TOKEN: "s".repeat(32) });
          assertEquals(ran.code, code, ran.stderr);
          const lines = ran.stderr.trim().split("\n").filter((line) => !line.startsWith("{"));
          assertEquals(lines.length, 1, ran.stderr);
          assertStringIncludes(lines[0], "not a plain file");
        });
      }));
    });
  }
});
