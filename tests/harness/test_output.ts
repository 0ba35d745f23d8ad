/**
 * What a test prints. The gate shows the lines that begin with `figures:` and `skipped:`.
 *
 * @module
 */

/** Prints a measured result. */
export function figures(text: string): void {
  // deno-lint-ignore no-console -- the output of a test
  console.log(`figures: ${text}`);
}

/** Passes a test that cannot run on this machine, and prints why. */
export async function skip(t: Deno.TestContext, why: string): Promise<void> {
  // deno-lint-ignore no-console -- the output of a test
  console.log(`skipped: ${t.name}: ${why}`);
  await t.step(`skipped: ${why}`, () => {});
}
