import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ExitError } from "../../../lib/exit.ts";
import { FaultyDisk, skipSyncs, systemError, unsyncedDisk } from "./faulty_disk.ts";
import { readBack } from "./journals.ts";
import { openMemory, recovered, sorted } from "./memories.ts";
import { assertKept, contents, repaired, starts, threeSegments } from "./repairs.ts";
import { copyFolder, TempFolder } from "../../harness/temp_folder.ts";

Deno.test("repair() that ends in the middle can be started again", async () => {
  await using folder = await TempFolder.make();
  using disk = unsyncedDisk();
  const whole = `${folder.path}/whole`;
  const states = await threeSegments(whole, 3);
  const names = [...(await contents(whole)).keys()].filter((name) => name.endsWith(".ndjson"));
  const bytes = await Deno.readFile(`${whole}/${names[0]}`);
  bytes[starts(bytes)[2] + 30] ^= 1;
  await Deno.writeFile(`${whole}/${names[0]}`, bytes);
  const before = await contents(whole);
  let isEnded = true;
  for (let nth = 1; isEnded; nth++) {
    const copy = `${folder.path}/${nth}`;
    copyFolder(whole, copy);
    isEnded = false;
    let calls = 0;
    disk.fault = ({ op }) => {
      if (op !== "open" && ++calls >= nth) {
        isEnded = true;
        throw systemError("EIO");
      }
      return op === "sync" ? 0 : undefined;
    };
    await repaired(copy, true).catch((error) => assert(error instanceof ExitError, String(error)));
    disk.fault = skipSyncs;
    assertEquals((await repaired(copy, true)).opens, true, `call ${nth}`);
    assertKept(before, await contents(copy));
    assertEquals(sorted(await recovered(copy)), sorted(states[1]), `call ${nth}`);
    assert(nth < 50 && (isEnded || nth > 5), `call ${nth}`);
  }
});

Deno.test("repair() does nothing for a whole, torn, empty or missing memory", async () => {
  await using folder = await TempFolder.make();
  const none = await repaired(`${folder.path}/none`, true);
  assertEquals([none.opens, none.lines.length], [true, 1]);
  assertStringIncludes(none.lines[0], "Nothing to repair: there is no ");
  assertEquals(await folder.names(), []);

  await threeSegments(`${folder.path}/memory`, 2);
  await Deno.mkdir(`${folder.path}/empty`);
  const torn = `${folder.path}/torn`;
  copyFolder(`${folder.path}/memory`, torn);
  const last = [...(await contents(torn)).keys()].filter((name) => name.endsWith(".ndjson")).at(-1);
  await Deno.writeTextFile(`${torn}/${last}`, '{"crc":', { append: true });
  for (const name of ["memory", "empty", "torn"]) {
    const path = `${folder.path}/${name}`;
    const before = await contents(path);
    for (const acceptLoss of [false, true]) {
      const { opens, lines } = await repaired(path, acceptLoss);
      assertEquals([opens, lines], [true, [`Nothing to repair in "${path}"`]]);
    }
    assertEquals(await contents(path), before);
  }
});

Deno.test("repair() does not touch a folder that is in use, of another role or of a newer Baton", async () => {
  await using folder = await TempFolder.make();
  await threeSegments(folder.path, 2);
  const before = await contents(folder.path);
  for (const acceptLoss of [false, true]) {
    const other = await assertRejects(() => repaired(folder.path, acceptLoss, "other"), ExitError);
    assertEquals(other.reason, "damaged");
    assertStringIncludes(other.message, 'it belongs to "tester", not "other"');
    assert(!other.message.includes("repair"), other.message);
  }
  assertEquals(await contents(folder.path), before);
  await using _ = await openMemory(folder.path);
  const open = await contents(folder.path);
  for (const acceptLoss of [false, true]) {
    const locked = await assertRejects(() => repaired(folder.path, acceptLoss), ExitError);
    assertEquals(locked.reason, "locked");
  }
  assertEquals(await contents(folder.path), open);
});

Deno.test("repair() has synced each step when it reports it", async () => {
  await using folder = await TempFolder.make();
  await threeSegments(folder.path, 2);
  const [first, second, third] = await folder.segments();
  const bytes = await Deno.readFile(second);
  bytes[starts(bytes)[1] + 30] ^= 1;
  await Deno.writeFile(second, bytes);
  using disk = new FaultyDisk();
  await repaired(folder.path, true);
  const calls = disk.calls.filter(({ op }) => op !== "open" && op !== "write" && op !== "remove")
    .map(({ op, path }) => `${op} ${path.replace(folder.path, "")}`);
  const name = (path: string): string => path.replace(folder.path, "");
  assertEquals(calls, [
    `rename ${name(third)}.lost`,
    "sync ",
    `sync ${name(second)}.lost.tmp`,
    `rename ${name(second)}.lost`,
    "sync ",
    `truncate ${name(second)}`,
    `sync ${name(second)}`,
  ]);
  assert(await Deno.lstat(first));
  assertEquals(
    await readBack(folder.path) instanceof ExitError,
    true,
    "the journal continues from memory.json",
  );
});
