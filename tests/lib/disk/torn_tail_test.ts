import { assert, assertEquals } from "@std/assert";
import { FaultyDisk } from "./faulty_disk.ts";
import { openJournal } from "./journals.ts";
import { isTorn } from "../../../lib/disk/torn_tail.ts";
import { TempFolder } from "../../harness/temp_folder.ts";

/** Appends a torn tail to the last segment. */
async function tear(folder: TempFolder): Promise<void> {
  const path = (await folder.segments()).at(-1)!;
  await Deno.writeTextFile(path, '{"crc":"half', { append: true });
}

/** Opens the journal, appends and closes it. Returns where a torn tail was kept. */
async function start(folder: TempFolder): Promise<string | undefined> {
  const { journal, log } = await openJournal(folder.path);
  await journal.append("more");
  await journal.rotate();
  await journal.close();
  return log.find(({ event }) => event === "journal_tail_cut")?.fields.kept_in as string;
}

/** Returns the paths of the kept tails. */
async function tails(folder: TempFolder): Promise<string[]> {
  const names = await folder.names();
  return names.filter((name) => name.includes("cut-at")).map((name) => `${folder.path}/${name}`);
}

Deno.test("cutTornTail() keeps the newest four tails", async () => {
  await using folder = await TempFolder.make();
  await start(folder);
  const made: string[] = [];
  for (let round = 0; round < 12; round++) {
    await tear(folder);
    made.push((await start(folder))!);
    assertEquals(await tails(folder), made.slice(-4), `round ${round}`);
  }
});

Deno.test("cutTornTail() removes the tail with the lowest record and offset, and no other file", async () => {
  await using folder = await TempFolder.make();
  await start(folder);
  const journal = (name: string): string => `${folder.path}/journal-${name}`;
  const older = [
    "000000000001.ndjson.cut-at-90",
    "000000000001.ndjson.cut-at-100",
    "999999999999.ndjson.cut-at-7",
    "1000000000000.ndjson.cut-at-7",
  ].map(journal);
  const others = ["000000000001.ndjson.lost", "1.ndjson.cut-at-7"].map(journal);
  for (const path of [...older, ...others]) await Deno.writeTextFile(path, "");
  const odd = journal("000000000001.ndjson.cut-at-1");
  await Deno.mkdir(`${odd}/inner`, { recursive: true });
  await tear(folder);
  const made = await start(folder);
  const kept = [...older.slice(1), made!, odd, journal("1.ndjson.cut-at-7")];
  assertEquals(await tails(folder), kept.sort());
  for (const path of others) assert((await Deno.lstat(path)).isFile);
});

Deno.test("cutTornTail() has removed the oldest tail on disk before it cuts the new one off", async () => {
  await using folder = await TempFolder.make();
  await start(folder);
  for (const offset of [1, 2, 3, 4]) {
    await Deno.writeTextFile(`${folder.path}/journal-000000000001.ndjson.cut-at-${offset}`, "");
  }
  await tear(folder);
  using disk = new FaultyDisk();
  await start(folder);
  const at = (op: string, name: RegExp, from = 0): number =>
    disk.calls.findIndex((call, index) => index >= from && call.op === op && name.test(call.path));
  const removed = at("remove", /000001\.ndjson\.cut-at-1$/);
  const synced = at("sync", new RegExp(`^${folder.path}$`), removed);
  assert(removed >= 0 && removed < synced && synced < at("truncate", /ndjson$/));
});

Deno.test("isTorn() tells a write that never finished from damage", async () => {
  await using folder = await TempFolder.make();
  const path = `${folder.path}/file`;
  const torn = async (tail: string, before = 100): Promise<boolean> => {
    await Deno.writeTextFile(path, "x".repeat(before) + tail);
    return await isTorn(path, before);
  };
  assertEquals(await torn(""), true);
  assertEquals(await torn('{"crc":'), true);
  assertEquals(await torn('{"crc":\n'), false);
  assertEquals(await torn("\0".repeat(412) + "\n"), true);
  assertEquals(await torn("\0".repeat(411) + "\n"), false);
  assertEquals(await torn("a\n" + "\0".repeat(100), 510), true);
  assertEquals(await torn("a\n\0b\n", 510), false);
});
