/**
 * The corpus, and a few seconds of each kind of fuzz with a seed that stays.
 *
 * Seen to fail, by a run of some seconds each, with one fault planted: a throw at a body with a
 * certain key, no look at the depth, a regular expression that backtracks, 64 KiB kept for each
 * request, a checksum of a record and one of a snapshot that are not compared, a connection that is
 * not closed, and an exit at a byte order mark.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { CodedError } from "../../lib/errors.ts";
import type { ExitError } from "../../lib/exit.ts";
import { fromWire, toWire } from "../../lib/wire/protocol.ts";
import { repair } from "../../lib/disk/repair.ts";
import { TempFolder } from "../harness/temp_folder.ts";
import { figures } from "../harness/test_output.ts";
import { openMemory } from "../lib/disk/memories.ts";
import { figuresLine } from "./finding.ts";
import { fuzzJournals } from "./fuzz_journals.ts";
import { fuzzSessions, tryOne } from "./fuzz_sessions.ts";
import type { SessionInput } from "./session_input.ts";
import { Victim } from "./victim.ts";

const SEED = 20261101;
const SECONDS = 3;
const CORPUS = new URL("corpus/", import.meta.url);
const MEMORIES = "memories.json";

/** One harm to a memory, and why it is refused then. */
interface HarmedMemory {
  readonly about: string;
  /** How the file's name begins. */
  readonly file: string;
  readonly from?: string;
  readonly to?: string;
  readonly renamed?: string;
  readonly reason: string;
}

Deno.test("every hostile connection of the corpus is answered as it was, and harms nobody", async () => {
  await using victim = await Victim.start();
  await tryCorpus(victim);
  // What a role takes for the first time is not growth.
  await victim.measure();
  const count = await tryCorpus(victim);
  const grownMib = await victim.judge(count);
  await victim.stop();
  assertEquals(victim.findings, []);
  figures(`corpus: ${count} connections twice, grown by ${grownMib.toFixed(1)} MiB`);
});

/** Gives how many connections there are in it. */
async function tryCorpus(victim: Victim): Promise<number> {
  const files = await Array.fromAsync(Deno.readDir(CORPUS), ({ name }) => name);
  let count = 0;
  for (const file of files.sort().filter((file) => file !== MEMORIES)) {
    const inputs: SessionInput[] = JSON.parse(await Deno.readTextFile(new URL(file, CORPUS)));
    for (const input of inputs) {
      const { told, last } = await tryOne(input, victim);
      assertEquals(told, [], `${file}: ${input.about}`);
      // What a role says last may be lost where it closes with something of ours unread.
      if (last !== undefined || input.last === undefined) {
        assertEquals(last, input.last, `${file}: ${input.about}`);
      }
      count++;
    }
  }
  return count;
}

Deno.test("every harmed memory of the corpus is refused in one line, and repaired", async (t) => {
  const harms: HarmedMemory[] = JSON.parse(await Deno.readTextFile(new URL(MEMORIES, CORPUS)));
  for (const { about, file, from, to, renamed, reason } of harms) {
    await t.step(about, async () => {
      await using temp = await TempFolder.make();
      const folder = temp.path;
      {
        await using memory = await openMemory(folder);
        await memory.commit(new Map([["a", 12345]]));
      }
      await using memory = await openMemory(folder);
      await memory.commit(new Map([["b", 67890]]));
      const copy = `${folder}/copy`;
      await Deno.mkdir(copy);
      for (const name of (await temp.names()).filter((name) => /\.(nd)?json$/.test(name))) {
        await Deno.copyFile(`${folder}/${name}`, `${copy}/${name}`);
      }
      const names = await Array.fromAsync(Deno.readDir(copy), ({ name }) => name);
      const path = `${copy}/${names.sort().findLast((name) => name.startsWith(file))}`;
      if (renamed !== undefined) await Deno.rename(path, `${copy}/${renamed}`);
      else {
        const text = await Deno.readTextFile(path);
        assertEquals(text.includes(from!), true, text);
        await Deno.writeTextFile(path, text.replace(from!, to!));
      }
      const error = await openMemory(copy).then(() => undefined, (error) => error as ExitError);
      assertEquals(error?.reason, reason, String(error));
      assertMatch(error!.message, /^.+$/);
      await repair({ folder: copy, role: "tester", acceptLoss: true, say: () => {} });
      await using _ = await openMemory(copy);
    });
  }
});

Deno.test("toWire() keeps what an agent adds to an error within bounds", () => {
  const details = Array<string>(1_000).fill("d".repeat(10_000));
  const error = new CodedError("handler_rejected", "m".repeat(10_000), { details });
  const wire = toWire(fromWire({ ...toWire(error, String), details }), String);
  assertEquals([wire.message.length, wire.details!.length], [2_000, 20]);
  assertEquals(wire.details!.every((detail) => detail.length === 300), true);
});

for (const kind of ["lines", "bytes"] as const) {
  Deno.test(`some seconds of hostile ${kind} find nothing`, async () => {
    const found = await fuzzSessions(kind, { seconds: SECONDS, seed: SEED });
    figures(figuresLine(found));
    assertEquals(found.findings, []);
  });
}

Deno.test("some seconds of harmed memories find nothing", async () => {
  const found = await fuzzJournals({ seconds: SECONDS, seed: SEED });
  figures(figuresLine(found));
  assertEquals(found.findings, []);
});
