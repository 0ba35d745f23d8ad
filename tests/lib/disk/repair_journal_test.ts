/**
 * Seen to fail if later segments stay, if the tail is cut one record too late, if what is removed is not
 * kept, if a dry run cuts, and if the folder is not locked.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { unsyncedDisk } from "./faulty_disk.ts";
import { openMemory, recovered, refusal, sorted } from "./memories.ts";
import { assertKept, contents, repaired, starts, threeSegments } from "./repairs.ts";
import { copyFolder, TempFolder } from "../../harness/temp_folder.ts";

Deno.test("repair() of any damaged record in three segments keeps exactly the records before it", async () => {
  await using folder = await TempFolder.make();
  using _ = unsyncedDisk();
  const each = 4;
  const whole = `${folder.path}/whole`;
  const states = await threeSegments(whole, each);
  const names = [...(await contents(whole)).keys()].filter((name) => name.endsWith(".ndjson"));
  assertEquals(names.length, 3);

  for (const [segment, name] of names.entries()) {
    const bytes = await Deno.readFile(`${whole}/${name}`);
    const lines = starts(bytes);
    assertEquals(lines.length, 1 + 1 + each);
    for (let line = 0; line <= each; line++) {
      const where = `line ${line} of ${name}`;
      const copy = `${folder.path}/${segment}-${line}`;
      copyFolder(whole, copy);
      const path = `${copy}/${name}`;
      const flipped = bytes.slice();
      flipped[lines[line + 1] - 4] ^= 1; // in the record: "role", "after" or a value
      await Deno.writeFile(path, flipped);
      const before = await contents(copy);

      const refused = await refusal(copy);
      assertEquals(refused.reason, "damaged", where);
      assertStringIncludes(refused.message, `"${path}" at byte ${lines[line]}: `, where);
      assertStringIncludes(refused.message, '; "tester repair" continues without the damaged part');

      const dry = await repaired(copy, false);
      assertEquals(dry.opens, false, where);
      assertEquals(await contents(copy), before, `${where}: nothing is changed`);
      const later = names.slice(segment + 1).reverse().map((other) =>
        `${copy}/${other}: would be moved to "${copy}/${other}.lost"; lost: 4 records, 4 of them whole`
      );
      for (const [at, line] of later.entries()) assertStringIncludes(dry.lines[at], line, where);
      const here = dry.lines[later.length];
      if (line === 0) {
        assertStringIncludes(here, `${path} at byte 0: `, where);
        assertStringIncludes(here, `would be moved to "${path}.lost"; lost: 4 records, `, where);
      } else {
        const lost = each - line + 1;
        assertStringIncludes(here, `${path} at byte ${lines[line]}: `, where);
        assertStringIncludes(here, `would be cut off there, the rest kept in "${path}.lost"`);
        const records = lost === 1 ? "1 record" : `${lost} records`;
        assertStringIncludes(here, `; lost: ${records}, ${lost - 1} of them whole`, where);
      }
      assertEquals(
        dry.lines.at(-1),
        'Nothing is changed; "tester repair --accept-loss" does it',
        where,
      );

      const done = await repaired(copy, true);
      assertEquals(done.opens, true, where);
      assertEquals(
        done.lines.slice(0, -1),
        dry.lines.slice(0, -1).map((line) => line.replaceAll("would be ", "")),
      );
      assertKept(before, await contents(copy));
      if (line > 0) assertEquals(await Deno.readFile(path), bytes.slice(0, lines[line]), where);
      const state = states[segment * each + Math.max(0, line - 1)];
      assertEquals(sorted(await recovered(copy)), sorted(state), where);
      assertEquals((await repaired(copy, false)).opens, true, where);
      {
        await using memory = await openMemory(copy);
        await memory.commit(new Map([["after", "the repair"]]));
      }
      assertEquals((await recovered(copy)).get("after"), "the repair", where);
    }
  }
});

Deno.test("repair() of a journal with a missing segment keeps the records before it", async () => {
  await using folder = await TempFolder.make();
  using _ = unsyncedDisk();
  const whole = `${folder.path}/whole`;
  const states = await threeSegments(whole, 4);
  const names = [...(await contents(whole)).keys()].filter((name) => name.endsWith(".ndjson"));
  for (const [at, name] of names.slice(0, 2).entries()) {
    const copy = `${folder.path}/${at}`;
    copyFolder(whole, copy);
    await Deno.remove(`${copy}/${name}`);
    assertEquals((await refusal(copy)).reason, "damaged");
    const before = await contents(copy);
    const dry = await repaired(copy, false);
    assertEquals([dry.opens, await contents(copy)], [false, before]);
    const places = dry.lines.map((line) => line.split(/ at byte 0: |: /)[0].slice(copy.length + 1));
    const expected = at === 0 ? [names[2], names[1], names[0]] : [names[2]];
    assertEquals(places.slice(0, -1), expected);
    assertStringIncludes(dry.lines[0], "lost: 4 records, 4 of them whole");
    assertEquals((await repaired(copy, true)).opens, true);
    assertKept(before, await contents(copy));
    assertEquals(sorted(await recovered(copy)), sorted(states[4 * at]));
  }
});

Deno.test("repair() moves a segment aside that is no plain file", async () => {
  await using folder = await TempFolder.make();
  const states = await threeSegments(folder.path, 2);
  const [, , last] = await folder.segments();
  await Deno.rename(last, `${folder.path}/elsewhere`);
  await Deno.symlink("/dev/zero", last);
  assertEquals((await repaired(folder.path, true)).opens, true);
  assertEquals(await Deno.readLink(`${last}.lost`), "/dev/zero");
  assertEquals(sorted(await recovered(folder.path)), sorted(states[4]));
});
