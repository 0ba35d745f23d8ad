import { replaceFile } from "./atomic_file.ts";
import { Damage } from "./damage.ts";
import { describeLoss, type Loss, lossIn } from "./loss.ts";
import { readJournal } from "./read_journal.ts";
import type { SnapshotPlan } from "./repair_snapshot.ts";
import { describeDamage, freeName, moveAside, type Step } from "./repair_step.ts";
import { newSegment, type Segment } from "./segment.ts";
import { cutTail } from "./torn_tail.ts";

/** Looks at the segments and plans their repair, so that the journal starts from `after`. */
export async function planJournal(
  folder: string,
  role: string,
  segments: readonly Segment[],
  { after, isKnown }: SnapshotPlan,
): Promise<Step[]> {
  const steps: Step[] = [];
  let damage: Damage | undefined;
  try {
    await readJournal({ folder, role, segments, after, replay: () => {} });
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    damage = error;
  }
  if (damage === undefined && isKnown) return steps;
  for (const segment of segments.filter(({ first }) => first <= after.seq)) {
    const loss = await lossIn(segment, 0, isKnown ? after.seq : 0);
    if (loss.records > 0) steps.push(await loseSegment(segment, loss));
  }
  if (damage === undefined) return steps;
  const { path, offset = 0 } = damage;
  const later = segments.filter(({ first }) => first > after.seq);
  const at = Math.max(0, later.findIndex((segment) => segment.path === path));
  // The newest segment first: if the repair ends in between, the rest is a journal with the same
  // damage.
  for (const segment of later.slice(offset > 0 ? at + 1 : at).reverse()) {
    const why = segment.path === path ? damage : undefined;
    steps.push(await loseSegment(segment, await lossIn(segment), why));
  }
  if (offset > 0) steps.push(await loseTail(damage, await lossIn(later[at], offset)));
  if (offset === 0 && at === 0) {
    const { segment, line } = newSegment(folder, role, after);
    const isMissing = later.every((segment) => segment.path !== path);
    const place = isMissing ? describeDamage(damage) : path;
    steps.push({
      describe: (would) => `${place}: ${would}begun anew after record ${after.seq}`,
      run: () => replaceFile(segment.path, line),
    });
  }
  return steps;
}

async function loseTail(damage: Damage, loss: Loss): Promise<Step> {
  const { path, offset = 0 } = damage;
  const aside = await freeName(path);
  return {
    describe: (would) =>
      `${describeDamage(damage)}: ${would}cut off there, the rest kept in "${aside}"; ` +
      `lost: ${describeLoss(loss)}`,
    run: () => cutTail(path, offset, aside),
  };
}

function loseSegment({ path }: Segment, loss: Loss, damage?: Damage): Promise<Step> {
  const place = damage === undefined ? path : describeDamage(damage);
  return moveAside(
    path,
    (would, aside) => `${place}: ${would}moved to "${aside}"; lost: ${describeLoss(loss)}`,
  );
}
