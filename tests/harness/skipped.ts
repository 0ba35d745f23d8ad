/** Says in the test's output what it found. */
export function figures(text: string): void {
  // deno-lint-ignore no-console -- the output of a test
  console.log(`figures: ${text}`);
}

/** Passes a test that can't run here, for all to see. */
export async function skip(t: Deno.TestContext, why: string): Promise<void> {
  // deno-lint-ignore no-console -- the output of a test
  console.log(`skipped: ${t.name}: ${why}`);
  await t.step(`skipped: ${why}`, () => {});
}
