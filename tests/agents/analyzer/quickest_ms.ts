/**
 * Returns the quickest time of each work in `rounds` rounds, in milliseconds. The works take turns,
 * so that a load on the machine slows every work: a test compares times with each other and never
 * with a clock.
 */
export function quickestMs(rounds: number, ...works: (() => void)[]): number[] {
  const quickest = works.map(() => Infinity);
  for (let round = 0; round < rounds; round++) {
    works.forEach((work, index) => {
      const start = performance.now();
      work();
      quickest[index] = Math.min(quickest[index], performance.now() - start);
    });
  }
  return quickest;
}
