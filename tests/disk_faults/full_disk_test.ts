/**
 * A disk that is really full: short writes, no room for a snapshot, no more files.
 *
 * Seen to fail where what was written in part was not cut back, where changes that were refused were
 * not taken back, and where a half snapshot stayed on the disk.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { CodedError } from "../../lib/errors.ts";
import { ExitError } from "../../lib/exit.ts";
import type { Memory } from "../../lib/disk/memory.ts";
import { TempFolder } from "../harness/temp_folder.ts";
import { figures, skip } from "../harness/test_output.ts";
import { mountSmall, whyNoMount } from "./mounted.ts";
import { changesOf, IN_FLIGHT, judge, numbersIn, type Told } from "./numbered.ts";
import { namesIn, open, reopenAndJudge } from "./reopened.ts";

const SEED = 3;
const COMMITS_MAX = 2_000;
const FILLER_BYTES = 3_500_000;

/** The memory's folder is a part of the disk. */
interface SmallDisk {
  readonly disk: string;
  readonly folder: string;
}

function onSmallDisk(
  name: string,
  options: string,
  test: (disk: SmallDisk) => Promise<void>,
): void {
  Deno.test(name, async (t) => {
    await using temp = await TempFolder.make();
    const why = await whyNoMount(temp.path);
    if (why !== undefined) return await skip(t, why);
    await using mounted = await mountSmall(`${temp.path}/disk`, options);
    await test({ disk: mounted.path, folder: `${mounted.path}/memory` });
  });
}

/** Commits numbered changes, several at once, and remembers what became of each. */
class Committer implements Told {
  readonly acked = new Set<number>();
  readonly refused = new Set<number>();
  readonly codes = new Set<string>();
  #next = 0;

  constructor(readonly memory: Memory) {}

  get lastAsked(): number {
    return this.#next - 1;
  }

  /** Until one is refused. */
  async untilRefused(): Promise<void> {
    const before = this.refused.size;
    while (this.refused.size === before) {
      assert(this.#next < COMMITS_MAX, "the disk is never full");
      await this.several();
    }
  }

  async several(): Promise<void> {
    await Promise.all(Array.from({ length: IN_FLIGHT }, () => this.#one()));
  }

  async #one(): Promise<void> {
    const number = this.#next++;
    try {
      await this.memory.commit(changesOf(SEED, number));
      this.acked.add(number);
    } catch (error) {
      assert(error instanceof CodedError, String(error));
      this.codes.add(error.code);
      this.refused.add(number);
    }
  }
}

async function fill(disk: string): Promise<() => Promise<void>> {
  const path = `${disk}/filler`;
  const bytes = new Uint8Array(4096);
  using file = await Deno.open(path, { create: true, write: true });
  try {
    while (true) await file.write(bytes);
  } catch (error) {
    assertEquals((error as { code?: string }).code, "ENOSPC");
  }
  return () => Deno.remove(path);
}

/** Every file's content, by name. */
async function contents(folder: string): Promise<Map<string, string>> {
  const names = await namesIn(folder);
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, await Deno.readTextFile(`${folder}/${name}`)] as const),
    ),
  );
}

onSmallDisk(
  "commit() on a full disk is refused, cut back, and accepted again when there is room",
  "size=4m",
  async ({ disk, folder }) => {
    const filler = `${disk}/filler`;
    await Deno.writeFile(filler, new Uint8Array(FILLER_BYTES));
    let rounds = 0;
    let committer!: Committer;
    {
      await using opened = await open(folder);
      committer = new Committer(opened.memory);
      for (; rounds < 3; rounds++) {
        await committer.untilRefused();
        assertEquals([...committer.codes], ["storage_full"]);
        judge(SEED, new Map(opened.memory.entries("")), committer);
        // A crash now finds whole records only.
        for (const [name, text] of await contents(folder)) {
          if (name.endsWith(".ndjson")) assert(text.endsWith("}\n"), `${name} has a torn end`);
        }
        // There is room for a few more, and nobody tells the memory.
        await Deno.truncate(filler, FILLER_BYTES - (rounds + 1) * 90_000);
        const before = committer.acked.size;
        await committer.several();
        assert(committer.acked.size > before, "accepted again");
      }
      await Deno.remove(filler);
    }
    await reopenAndJudge(folder, SEED, committer);
    figures(
      `full ${rounds} times, ${committer.acked.size} commits kept, ${committer.refused.size} refused`,
    );
  },
);

onSmallDisk(
  "snapshot() on a full disk leaves everything as it was, and succeeds when there is room",
  "size=1m",
  async ({ disk, folder }) => {
    await using opened = await open(folder);
    const { memory } = opened;
    const committer = new Committer(memory);
    for (let batch = 0; batch < 5; batch++) await committer.several();
    await memory.snapshot();
    await committer.several();
    const free = await fill(disk);
    const before = await contents(folder);
    for (let time = 0; time < 3; time++) {
      await assertRejects(() => memory.snapshot());
      const after = await contents(folder);
      assertEquals(after.get("memory.json"), before.get("memory.json"));
      for (const [name, text] of before) assert(after.get(name)?.startsWith(text), name);
      assert(!after.has("memory.json.tmp"), "the half snapshot is gone");
    }
    judge(SEED, new Map(memory.entries("")), committer);

    await free();
    await committer.several();
    assertEquals(committer.refused.size, 0);
    await memory.snapshot();
    assertEquals((await namesIn(folder)).filter((name) => name.endsWith(".ndjson")).length, 1);
    judge(SEED, new Map(memory.entries("")), committer);
  },
);

onSmallDisk(
  "Memory.open() on a full disk reads what is there; what is torn waits for room",
  "size=1m",
  async ({ disk, folder }) => {
    let committer!: Committer;
    {
      await using opened = await open(folder);
      committer = new Committer(opened.memory);
      await committer.several();
    }
    const free = await fill(disk);
    {
      await using opened = await open(folder);
      judge(SEED, opened.state, committer);
      assertEquals(numbersIn(opened.state).length, committer.acked.size);
    }
    await free();
    const [segment] = (await namesIn(folder)).filter((name) => name.endsWith(".ndjson")).reverse();
    await Deno.writeTextFile(`${folder}/${segment}`, '{"crc":"0', { append: true });
    const freeAgain = await fill(disk);
    const before = await contents(folder);
    const error = await assertRejects(() => open(folder), ExitError);
    assertEquals(error.reason, "storage_failed");
    assertEquals(await contents(folder), before);

    await freeAgain();
    assert(await reopenAndJudge(folder, SEED, committer), "the torn tail is cut off");
  },
);

onSmallDisk(
  "Memory goes on where no file can be created any more, and takes its snapshot later",
  "size=4m,nr_inodes=24",
  async ({ disk, folder }) => {
    const fillers: string[] = [];
    const takeInodes = async (): Promise<void> => {
      while (true) {
        const path = `${disk}/file-${fillers.length}`;
        try {
          await Deno.writeTextFile(path, "");
        } catch (error) {
          return assertEquals((error as { code?: string }).code, "ENOSPC");
        }
        fillers.push(path);
      }
    };
    const giveInodes = async (): Promise<void> => {
      for (const path of fillers.splice(0)) await Deno.remove(path);
    };
    await Deno.mkdir(folder);
    await takeInodes();
    const refused = await assertRejects(() => open(folder), ExitError);
    assertEquals(refused.reason, "storage_failed");
    await giveInodes();

    let committer!: Committer;
    {
      await using opened = await open(folder);
      const { memory } = opened;
      committer = new Committer(memory);
      await committer.several();
      await takeInodes();
      const before = await contents(folder);
      await assertRejects(() => memory.snapshot());
      assertEquals(await contents(folder), before);
      await committer.several();
      assertEquals(committer.refused.size, 0, "what needs no new file is accepted");
    }
    {
      await using opened = await open(folder);
      judge(SEED, opened.state, committer);
    }
    await giveInodes();
    await reopenAndJudge(folder, SEED, committer);
  },
);
