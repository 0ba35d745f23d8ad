/**
 * Seen to fail where later segments stayed, where the tail was cut one record too late, where what
 * was taken away was not kept, where a dry run cut, and where the lock was not asked for.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { EXIT, ExitError } from "../../../lib/exit.ts";
import { repair } from "../../../lib/disk/repair.ts";
import type { Json } from "../../../lib/json.ts";
import { AgentProcess, connect } from "../../harness/agent_process.ts";
import { Site } from "../../orchestrator/site.ts";
import { FaultyDisk, systemError } from "./faulty_disk.ts";
import { openJournal, readBack } from "./journals.ts";
import { openMemory, recovered, refusal, type State } from "./memories.ts";
import { copyFolder, TempFolder } from "../../harness/temp_folder.ts";

interface Repaired {
  readonly opens: boolean;
  readonly lines: string[];
}

async function repaired(folder: string, acceptLoss: boolean, role = "tester"): Promise<Repaired> {
  const lines: string[] = [];
  const opens = await repair({ folder, role, acceptLoss, say: (line) => lines.push(line) });
  return { opens, lines };
}

/** Writes a memory whose snapshot holds `snapped` keys, and three segments of changes behind it. */
async function threeSegments(folder: string, each: number): Promise<State[]> {
  {
    await using memory = await openMemory(folder);
    await memory.commit(new Map([["kept", "é\n"]]));
  }
  const { journal } = await afterSnapshot(folder);
  const states: State[] = [new Map([["kept", "é\n"]])];
  for (let at = 0; at < 3 * each; at++) {
    if (at > 0 && at % each === 0) await journal.rotate();
    await journal.append([[`k${at % 5}`, at], ["last", `number ${at}`]]);
    states.push(new Map([...states.at(-1)!, [`k${at % 5}`, at], ["last", `number ${at}`]]));
  }
  await journal.close();
  return states;
}

/** The journal of a folder, opened behind its snapshot. */
async function afterSnapshot(folder: string) {
  const head = (await Deno.readTextFile(`${folder}/memory.json`)).split("\n")[0] + "}}";
  const { seq, crc } = JSON.parse(head);
  return await openJournal(folder, { after: { seq, crc: parseInt(crc, 16) } });
}

function sorted(state: State): [string, Json][] {
  return [...state].sort(([a], [b]) => a < b ? -1 : 1);
}

/** Where each line of a file begins, and where the last one ends. */
function starts(bytes: Uint8Array): number[] {
  return [0, ...[...bytes.keys()].filter((at) => bytes[at] === 0x0a).map((at) => at + 1)];
}

async function contents(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile && name !== "lock") files.set(name, await Deno.readTextFile(`${folder}/${name}`));
  }
  return new Map([...files].sort());
}

function quickDisk(): FaultyDisk {
  const disk = new FaultyDisk();
  disk.fault = ({ op }) => op === "sync" ? 0 : undefined;
  return disk;
}

/** Every byte of `before` is still somewhere: in place, or kept aside. */
function assertKept(before: Map<string, string>, after: Map<string, string>): void {
  for (const [name, text] of before) {
    if (name === "memory.json") continue;
    const aside = [...after].filter(([other]) => other.startsWith(`${name}.lost`));
    const inPlace = after.get(name) ?? "";
    assert(
      [inPlace, ...aside.flatMap(([, kept]) => [kept, inPlace + kept])].includes(text),
      `${name} is not kept: ${[...after.keys()]}`,
    );
  }
}

Deno.test("repair() of each damaged record of three segments keeps exactly what was before it", async () => {
  await using folder = await TempFolder.make();
  using _ = quickDisk();
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
      for (const [at, told] of later.entries()) assertStringIncludes(dry.lines[at], told, where);
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

Deno.test("repair() tells which records are whole, also behind one whose checksum is damaged", async () => {
  await using folder = await TempFolder.make();
  const { journal } = await openJournal(folder.path);
  for (let at = 0; at < 6; at++) await journal.append([["k", at]]);
  await journal.close();
  const [path] = await folder.segments();
  const whole = await Deno.readFile(path);
  const lines = starts(whole);
  const lost = async (change: (bytes: Uint8Array) => Uint8Array): Promise<string> => {
    await Deno.writeFile(path, change(whole.slice()));
    const { lines } = await repaired(folder.path, false);
    return lines[0].replace(/^.*; lost: /, "");
  };
  const flip = (...places: number[]) => (bytes: Uint8Array): Uint8Array => {
    for (const at of places) bytes[at] ^= 1;
    return bytes;
  };
  assertEquals(await lost(flip(lines[3] + 9)), "4 records, 3 of them whole (5 to 7)");
  assertEquals(await lost(flip(lines[3] + 30)), "4 records, 3 of them whole (5 to 7)");
  assertEquals(
    await lost(flip(lines[3] + 30, lines[5] + 30)),
    "4 records, 2 of them whole (5 to 7)",
  );
  assertEquals(
    await lost((bytes) => new Uint8Array([...flip(lines[3] + 30)(bytes), 0x7b])),
    "5 records, 3 of them whole (5 to 7)",
  );
  // Behind a record that is gone nobody can say whether the next one is as it was.
  assertEquals(
    await lost((bytes) => new Uint8Array([...bytes.slice(0, lines[3]), ...bytes.slice(lines[4])])),
    "3 records, 2 of them whole (6 to 7)",
  );
});

Deno.test("repair() of a journal with a missing segment keeps what was before it", async () => {
  await using folder = await TempFolder.make();
  using _ = quickDisk();
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

Deno.test("repair() of what is no plain file moves it aside", async () => {
  await using folder = await TempFolder.make();
  const states = await threeSegments(folder.path, 2);
  const [, , last] = await folder.segments();
  await Deno.rename(last, `${folder.path}/elsewhere`);
  await Deno.symlink("/dev/zero", last);
  assertEquals((await repaired(folder.path, true)).opens, true);
  assertEquals(await Deno.readLink(`${last}.lost`), "/dev/zero");
  assertEquals(sorted(await recovered(folder.path)), sorted(states[4]));
});

Deno.test("repair() rebuilds a damaged memory.json from its readable entries, and says so", async () => {
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

Deno.test("repair() takes the journal alone where that has everything", async () => {
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

  // Damaged once more, and now the journal does not have it: what was kept stays.
  await Deno.writeTextFile(path, "again");
  assertEquals((await repaired(folder.path, true)).opens, true);
  assertEquals(await Deno.readTextFile(`${path}.lost`), '{"memory":1,"role":"tes');
  assertEquals(await Deno.readTextFile(`${path}.lost-2`), "again");
  assertEquals(await recovered(folder.path), new Map());
});

Deno.test("repair() where memory.json is gone keeps what the journal has", async () => {
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

Deno.test("repair() of a memory.json and a journal that are both damaged keeps what is whole", async () => {
  await using folder = await TempFolder.make();
  const states = await threeSegments(folder.path, 3);
  const [first, second] = await folder.segments();
  for (const path of [`${folder.path}/memory.json`, first, second]) {
    const bytes = await Deno.readFile(path);
    bytes[path === second ? starts(bytes)[2] + 30 : 3] ^= 1; // of the others the first line
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

// The fuzzer found it: the segment that was begun anew had a name that no start looks for.
Deno.test("repair() of a memory.json whose number is beyond all bounds leaves a memory that opens", async () => {
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

Deno.test("repair() that ends in the middle can be done again", async () => {
  await using folder = await TempFolder.make();
  using disk = quickDisk();
  const whole = `${folder.path}/whole`;
  const states = await threeSegments(whole, 3);
  const names = [...(await contents(whole)).keys()].filter((name) => name.endsWith(".ndjson"));
  const bytes = await Deno.readFile(`${whole}/${names[0]}`);
  bytes[starts(bytes)[2] + 30] ^= 1;
  await Deno.writeFile(`${whole}/${names[0]}`, bytes);
  const before = await contents(whole);
  let ended = true;
  for (let nth = 1; ended; nth++) {
    const copy = `${folder.path}/${nth}`;
    copyFolder(whole, copy);
    ended = false;
    let calls = 0;
    disk.fault = ({ op }) => {
      if (op !== "open" && ++calls >= nth) {
        ended = true;
        throw systemError("EIO");
      }
      return op === "sync" ? 0 : undefined;
    };
    await repaired(copy, true).catch((error) => assert(error instanceof ExitError, String(error)));
    disk.fault = ({ op }) => op === "sync" ? 0 : undefined;
    assertEquals((await repaired(copy, true)).opens, true, `call ${nth}`);
    assertKept(before, await contents(copy));
    assertEquals(sorted(await recovered(copy)), sorted(states[1]), `call ${nth}`);
    assert(nth < 50 && (ended || nth > 5), `call ${nth}`);
  }
});

Deno.test("repair() has nothing to do where a start would do: whole, torn, empty, not there", async () => {
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

Deno.test("repair() leaves a folder alone that is in use, another role's or a newer Baton's", async () => {
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

Deno.test("repair() has synced what it says by the time it says so", async () => {
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
    "it goes on from memory.json",
  );
});

Deno.test("an agent whose memory is damaged names the command that repairs, and that does", async () => {
  await using folder = await TempFolder.make();
  const run = async (...args: string[]) => {
    await using program = new AgentProcess(folder.path, args);
    return await program.ended();
  };
  {
    await using greeter = new AgentProcess(folder.path, ["--port", "0"]);
    using client = await connect(await greeter.serving());
    await client.call("greet", { name: "Ada" }, { timeoutMs: 5_000 });
    greeter.kill("SIGKILL");
    await greeter.ended();
  }
  assertEquals(
    await run("repair"),
    { code: EXIT.done, stdout: 'Nothing to repair in "memory/greeter"\n', stderr: "" },
  );
  const memory = `${folder.path}/memory/greeter`;
  const names = [...(await contents(memory)).keys()].filter((name) => name.endsWith(".ndjson"));
  const path = `memory/greeter/${names.at(-1)}`;
  const bytes = await Deno.readFile(`${folder.path}/${path}`);
  const lines = starts(bytes);
  bytes[lines[1] + 30] ^= 1;
  await Deno.writeFile(`${folder.path}/${path}`, bytes);

  const refused = await run("--port", "0");
  assertEquals([refused.code, refused.stdout], [65, ""]);
  assertStringIncludes(refused.stderr, `"${path}" at byte ${lines[1]}: `);
  assertStringIncludes(refused.stderr, '; "greeter repair" continues without the damaged part\n');

  const dry = await run("repair");
  assertEquals([dry.code, dry.stderr], [65, ""]);
  assertStringIncludes(dry.stdout, `${path} at byte ${lines[1]}: `);
  assertStringIncludes(dry.stdout, '"greeter repair --accept-loss"');
  const done = await run("repair", "--accept-loss");
  assertEquals([done.code, done.stderr], [0, ""]);
  assertStringIncludes(done.stdout, `cut off there, the rest kept in "${path}.lost"; lost: `);
  await using opened = await openMemory(memory, { role: "greeter" });
  assertEquals(opened.size, 0);
});

Deno.test("orchestrator repair says what it would lose, and does it when told to", async () => {
  await using site = await Site.make();
  assertEquals(await site.run(["repair"]), {
    code: EXIT.done,
    out: 'Nothing to repair: there is no "memory/orchestrator"\n',
    err: "",
  });
  const path = "memory/orchestrator/memory.json";
  {
    await using memory = await openMemory(`${site.folder}/memory/orchestrator`, {
      role: "orchestrator",
    });
    await memory.commit(new Map([["b", 1], ["c", 2]]));
  }
  const text = await Deno.readTextFile(`${site.folder}/${path}`);
  await Deno.writeTextFile(`${site.folder}/${path}`, text.replace('"b":', '"b";'));
  const offset = text.indexOf('"b":');

  const refused = await site.run(site.serveArgs());
  assertEquals([refused.code, refused.out], [EXIT.damaged, ""]);
  assertStringIncludes(refused.err, `"${path}" at byte ${offset}: line 2 is damaged`);
  assertStringIncludes(refused.err, '; "orchestrator repair" continues without the damaged part\n');
  const dry = await site.run(["repair"]);
  assertEquals([dry.code, dry.err], [EXIT.damaged, ""]);
  assertStringIncludes(
    dry.out,
    "would be rebuilt from 1 readable entry, without 1 unreadable line",
  );
  const done = await site.run(["repair", "--accept-loss"]);
  assertEquals([done.code, done.err], [EXIT.done, ""]);
  assertStringIncludes(done.out, `the damaged file kept in "${path}.lost"\n`);
  assertEquals((await site.run(["repair"])).code, EXIT.done);
});
