/**
 * A disk that is really full: short writes, no room for a snapshot, no more files.
 *
 * Seen to fail if a partial write is not cut back, if refused changes are not rolled back, and if half
 * a snapshot stays on the disk.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { CodedError } from "../../lib/errors.ts";
import { ExitError } from "../../lib/exit.ts";
import type { Memory } from "../../lib/disk/memory.ts";
import { TempFolder } from "../harness/temp_folder.ts";
import { figures, skip } from "../harness/test_output.ts";
import { fillDisk, mountSmall, whyNoMount } from "./mounted.ts";
import { changesOf, IN_FLIGHT, judge, numbersIn, type Outcomes } from "./numbered.ts";
import { contentsOf, namesIn, open, reopenAndJudge } from "./reopened.ts";

const SEED = 3;
const COMMITS_MAX = 2_000;
const FILLER_BYTES = 3_500_000;

/** A disk with the memory's folder on it. */
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

/** Commits numbered changes, several at once, and records what became of each. */
class Committer implements Outcomes {
  readonly acked = new Set<number>();
  readonly refused = new Set<number>();
  readonly codes = new Set<string>();
  #next = 0;

  constructor(readonly memory: Memory) {}

  get lastSubmitted(): number {
    return this.#next - 1;
  }

  /** Commits until a change is refused. */
  async commitUntilRefused(): Promise<void> {
    const before = this.refused.size;
    while (this.refused.size === before) {
      assert(this.#next < COMMITS_MAX, "the disk is never full");
      await this.commitSeveral();
    }
  }

  async commitSeveral(): Promise<void> {
    await Promise.all(Array.from({ length: IN_FLIGHT }, () => this.#commitNext()));
  }

  async #commitNext(): Promise<void> {
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

onSmallDisk(
  "Memory.commit() on a full disk is refused and cut back, and accepted again when there is room",
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
        await committer.commitUntilRefused();
        assertEquals([...committer.codes], ["storage_full"]);
        judge(SEED, new Map(opened.memory.entries("")), committer);
        // A crash at this moment finds whole records only.
        for (const [name, text] of await contentsOf(folder)) {
          if (name.endsWith(".ndjson")) assert(text.endsWith("}\n"), `${name} has a torn end`);
        }
        // There is room for a few more, and the memory has to find out by itself.
        await Deno.truncate(filler, FILLER_BYTES - (rounds + 1) * 90_000);
        const before = committer.acked.size;
        await committer.commitSeveral();
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
  "Memory.snapshot() on a full disk changes nothing, and succeeds when there is room",
  "size=1m",
  async ({ disk, folder }) => {
    await using opened = await open(folder);
    const { memory } = opened;
    const committer = new Committer(memory);
    for (let batch = 0; batch < 5; batch++) await committer.commitSeveral();
    await memory.snapshot();
    await committer.commitSeveral();
    const free = await fillDisk(disk);
    const before = await contentsOf(folder);
    for (let time = 0; time < 3; time++) {
      await assertRejects(() => memory.snapshot());
      const after = await contentsOf(folder);
      assertEquals(after.get("memory.json"), before.get("memory.json"));
      for (const [name, text] of before) assert(after.get(name)?.startsWith(text), name);
      assert(!after.has("memory.json.tmp"), "the half snapshot is gone");
    }
    judge(SEED, new Map(memory.entries("")), committer);

    await free();
    await committer.commitSeveral();
    assertEquals(committer.refused.size, 0);
    await memory.snapshot();
    assertEquals((await namesIn(folder)).filter((name) => name.endsWith(".ndjson")).length, 1);
    judge(SEED, new Map(memory.entries("")), committer);
  },
);

onSmallDisk(
  "Memory.open() on a full disk reads what is there, but cuts no torn tail without room",
  "size=1m",
  async ({ disk, folder }) => {
    let committer!: Committer;
    {
      await using opened = await open(folder);
      committer = new Committer(opened.memory);
      await committer.commitSeveral();
    }
    const free = await fillDisk(disk);
    {
      await using opened = await open(folder);
      judge(SEED, opened.state, committer);
      assertEquals(numbersIn(opened.state).length, committer.acked.size);
    }
    await free();
    const [segment] = (await namesIn(folder)).filter((name) => name.endsWith(".ndjson")).reverse();
    await Deno.writeTextFile(`${folder}/${segment}`, '{"crc":"0', { append: true });
    const freeAgain = await fillDisk(disk);
    const before = await contentsOf(folder);
    const error = await assertRejects(() => open(folder), ExitError);
    assertEquals(error.reason, "storage_failed");
    assertEquals(await contentsOf(folder), before);

    await freeAgain();
    assert(await reopenAndJudge(folder, SEED, committer), "the torn tail is cut off");
  },
);

onSmallDisk(
  "Memory accepts changes while no file can be created, and takes its snapshot later",
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
    const freeInodes = async (): Promise<void> => {
      for (const path of fillers.splice(0)) await Deno.remove(path);
    };
    await Deno.mkdir(folder);
    await takeInodes();
    const refused = await assertRejects(() => open(folder), ExitError);
    assertEquals(refused.reason, "storage_failed");
    await freeInodes();

    let committer!: Committer;
    {
      await using opened = await open(folder);
      const { memory } = opened;
      committer = new Committer(memory);
      await committer.commitSeveral();
      await takeInodes();
      const before = await contentsOf(folder);
      await assertRejects(() => memory.snapshot());
      assertEquals(await contentsOf(folder), before);
      await committer.commitSeveral();
      assertEquals(committer.refused.size, 0, "a change needs no new file");
    }
    {
      await using opened = await open(folder);
      judge(SEED, opened.state, committer);
    }
    await freeInodes();
    await reopenAndJudge(folder, SEED, committer);
  },
);
