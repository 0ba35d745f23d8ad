import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Json } from "../../../lib/json.ts";
import { openJournal } from "./journals.ts";
import { openMemory, recovered, refusal, sorted } from "./memories.ts";
import { afterSnapshot, assertKept, contents, repaired, starts, threeSegments } from "./repairs.ts";
import { copyFolder, TempFolder } from "../../harness/temp_folder.ts";

Deno.test("repair() rebuilds a damaged memory.json from its readable entries, and reports it", async () => {
  await using folder = await TempFolder.make();
  {
    await using memory = await openMemory(folder.path);
    await memory.commit(new Map<string, Json>([["a", 1], ["b", "two"], ["c", 3]]));
  }
  const { journal } = await afterSnapshot(folder.path);
  await journal.append([["d", 4]]);
  await journal.close();
  const path = `${folder.path}/memory.json`;
  const text = await Deno.readTextFile(path);
  const segments = await folder.segments();
  const cases: [what: string, changed: string, offset: number, kept: string[], lines: string][] = [
    [
      "an entry",
      text.replace('"b":', '"b";'),
      text.indexOf('"b"'),
      ["a", "c"],
      "1 unreadable line",
    ],
    ["the end", text.slice(0, text.indexOf('"c"') + 2), text.indexOf('"c"'), ["a", "b"], "1 un"],
    ["the head", text.replace('"seq"', '"sex"'), 0, ["a", "b", "c"], "1 unreadable line"],
    [
      "the number",
      text.replace('"seq":', '"seq":1'),
      text.indexOf('},"sum') + 1,
      ["a", "b", "c"],
      "0 un",
    ],
    ["a value", text.replace("two", "twp"), text.indexOf('},"sum'), ["a", "b", "c"], "0 un"],
    ["all", "", 0, [], "0 unreadable lines"],
  ];
  for (const [what, changed, offset, keys, lines] of cases) {
    const copy = `${folder.path}/${what}`;
    copyFolder(folder.path, copy);
    await Deno.writeTextFile(`${copy}/memory.json`, changed);
    const refused = await refusal(copy);
    assertStringIncludes(refused.message, `"${copy}/memory.json" at byte ${offset}: `, what);
    assertStringIncludes(refused.message, '"tester repair"', what);
    const before = await contents(copy);
    const dry = await repaired(copy, false);
    assertEquals(dry.opens, false, what);
    assertEquals(dry.lines.length, 2, what);
    assertStringIncludes(dry.lines[0], `would be rebuilt from ${keys.length} readable entr`, what);
    assertStringIncludes(dry.lines[0], `without ${lines}`, what);
    assertEquals(await contents(copy), before, what);

    assertEquals((await repaired(copy, true)).opens, true, what);
    assertEquals(await Deno.readTextFile(`${copy}/memory.json.lost`), changed, what);
    const state = await recovered(copy);
    assertEquals([...state.keys()].sort(), [...keys, "d"], what);
    assertEquals(segments.length, 1);
  }
});

Deno.test("repair() loses nothing of memory.json if the journal has everything", async () => {
  await using folder = await TempFolder.make();
  const { journal } = await openJournal(folder.path);
  for (let at = 0; at < 4; at++) await journal.append([[`k${at}`, at]]);
  await journal.close();
  const path = `${folder.path}/memory.json`;
  await Deno.writeTextFile(path, '{"memory":1,"role":"tes');
  const { lines } = await repaired(folder.path, true);
  assertStringIncludes(lines[0], "nothing is lost, the journal has it all");
  assertEquals(await Deno.readTextFile(`${path}.lost`), '{"memory":1,"role":"tes');
  assertEquals([...(await recovered(folder.path)).values()], [0, 1, 2, 3]);

  // Damaged once more, without the records in the journal: the kept file stays.
  await Deno.writeTextFile(path, "again");
  assertEquals((await repaired(folder.path, true)).opens, true);
  assertEquals(await Deno.readTextFile(`${path}.lost`), '{"memory":1,"role":"tes');
  assertEquals(await Deno.readTextFile(`${path}.lost-2`), "again");
  assertEquals(await recovered(folder.path), new Map());
});

Deno.test("repair() without memory.json keeps the records of the journal", async () => {
  await using folder = await TempFolder.make();
  const states = await threeSegments(folder.path, 2);
  await Deno.remove(`${folder.path}/memory.json`);
  assertEquals((await refusal(folder.path)).reason, "damaged");
  const { lines } = await repaired(folder.path, true);
  assertStringIncludes(lines[0], "memory.json: missing; begun anew");
  const state = states.at(-1)!;
  assert(state.delete("kept"));
  assertEquals(sorted(await recovered(folder.path)), sorted(state));
});

Deno.test("repair() of a damaged memory.json and a damaged journal keeps what is whole", async () => {
  await using folder = await TempFolder.make();
  const states = await threeSegments(folder.path, 3);
  const [first, second] = await folder.segments();
  for (const path of [`${folder.path}/memory.json`, first, second]) {
    const bytes = await Deno.readFile(path);
    bytes[path === second ? starts(bytes)[2] + 30 : 3] ^= 1; // in the other files, the first line
    await Deno.writeFile(path, bytes);
  }
  const before = await contents(folder.path);
  assertEquals((await repaired(folder.path, true)).opens, true);
  assertKept(before, await contents(folder.path));
  assertEquals(await Deno.readTextFile(`${first}.lost`), before.get(first.split("/").at(-1)!));
  const { k3 } = Object.fromEntries(states[4]) as { k3: Json };
  assertEquals(
    await recovered(folder.path),
    new Map<string, Json>([["kept", "é\n"], ["k3", k3], ["last", "number 3"]]),
  );
});

// The fuzzer found this: the new segment had a name that no start looks for.
Deno.test("repair() of a memory.json with an impossible record number leaves a memory that opens", async () => {
  for (const seq of ["999999999999", "9007199254740991"]) {
    await using folder = await TempFolder.make();
    await threeSegments(folder.path, 2);
    const path = `${folder.path}/memory.json`;
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.replace(/"seq":\d+/, `"seq":${seq}`));
    for (const segment of await folder.segments()) await Deno.remove(segment);
    assertEquals((await refusal(folder.path)).reason, "damaged", seq);
    assertEquals((await repaired(folder.path, true)).opens, true, seq);
    assertEquals((await recovered(folder.path)).get("kept"), "é\n", seq);
    await using memory = await openMemory(folder.path);
    await memory.commit(new Map([["more", 1]]));
  }
});
