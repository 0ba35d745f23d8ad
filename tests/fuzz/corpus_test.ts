/**
 * The corpus, and a few inputs of each kind of fuzz with a fixed seed. Seen to fail, within seconds,
 * with each of these faults: an exception at a certain key, no limit of the depth, a regular expression
 * that backtracks, a checksum of a record or of a snapshot that is not compared, a connection that is
 * not closed, and an exit at a byte order mark. 64 KiB kept for each request take `deno task fuzz`.
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
import { attack, tryInput } from "./fuzz_sessions.ts";
import type { SessionInput } from "./session_input.ts";
import { Victim } from "./victim.ts";

const SEED = 20261101;
const SESSIONS = 400;
const MEMORIES_DAMAGED = 200;
/** Only a guard: the inputs take a few seconds. */
const SECONDS = 600;
const CORPUS = new URL("corpus/", import.meta.url);
const MEMORIES = "memories.json";

/** A change to a file of a memory, and the reason with which the memory is refused then. */
interface DamagedMemory {
  readonly about: string;
  /** The beginning of the file's name. */
  readonly file: string;
  readonly from?: string;
  readonly to?: string;
  readonly renamed?: string;
  readonly reason: string;
}

Deno.test("the roles stay unharmed", async (t) => {
  await using victim = await Victim.start();
  await t.step("by the corpus, and answer every connection as recorded", async () => {
    await tryCorpus(victim);
    // The first pass fills caches, which is not growth.
    await victim.measure();
    const count = await tryCorpus(victim);
    const grownMib = await victim.check(count);
    figures(`corpus: ${count} connections twice, grown by ${grownMib.toFixed(1)} MiB`);
    assertEquals(victim.problems, []);
  });
  for (const kind of ["lines", "bytes"] as const) {
    await t.step(`by ${SESSIONS} inputs of hostile ${kind}`, async () => {
      const found = await attack(victim, kind, { seconds: SECONDS, inputs: SESSIONS, seed: SEED });
      figures(figuresLine(found));
      assertEquals([victim.problems, found.findings], [[], []]);
    });
  }
  await victim.stop();
  assertEquals(victim.problems, []);
});

/** Tries all connections of the corpus in order; returns how many they are. */
async function tryCorpus(victim: Victim): Promise<number> {
  const names = await Array.fromAsync(Deno.readDir(CORPUS), ({ name }) => name);
  let count = 0;
  for (const name of names.filter((name) => name !== MEMORIES).sort()) {
    const inputs: SessionInput[] = JSON.parse(await Deno.readTextFile(new URL(name, CORPUS)));
    // Ids repeat, so that connections side by side could conflict with each other.
    for (const input of inputs) await tryRecorded(input, victim);
    count += inputs.length;
  }
  return count;
}

async function tryRecorded(input: SessionInput, victim: Victim): Promise<void> {
  const { problems, last } = await tryInput(input, victim);
  assertEquals(problems, [], input.about);
  // The last reply may be lost if the role closes the connection with unread bytes.
  if (last === undefined && input.last !== undefined) return;
  assertEquals(last, input.last, input.about);
}

Deno.test("Memory.open() refuses every damaged memory of the corpus, and repair() mends it", async (t) => {
  const damages: DamagedMemory[] = JSON.parse(await Deno.readTextFile(new URL(MEMORIES, CORPUS)));
  for (const { about, file, from, to, renamed, reason } of damages) {
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

Deno.test("toWire() bounds the message and the details of an error", () => {
  const details = Array<string>(1_000).fill("d".repeat(10_000));
  const error = new CodedError("handler_rejected", "m".repeat(10_000), { details });
  const wire = toWire(fromWire({ ...toWire(error, String), details }), String);
  assertEquals([wire.message.length, wire.details!.length], [2_000, 20]);
  assertEquals(wire.details!.every((detail) => detail.length === 300), true);
});

Deno.test(`fuzzJournals() finds nothing with ${MEMORIES_DAMAGED} damaged memories`, async () => {
  const found = await fuzzJournals({ seconds: SECONDS, inputs: MEMORIES_DAMAGED, seed: SEED });
  figures(figuresLine(found));
  assertEquals(found.findings, []);
});
