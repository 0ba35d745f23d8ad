/**
 * What errors of the operating system mean.
 *
 * @module
 */

/** Whether there is no room left, on the disk or in the quota. */
export function isDiskFull(error: unknown): boolean {
  const { code, message = "" } = error as { code?: string; message?: string };
  // Deno has no code for EDQUOT.
  return code === "ENOSPC" || /quota exceeded \(os error/i.test(message);
}

/** Whether this process has no file descriptor left. */
export function isOutOfDescriptors(error: unknown): boolean {
  return (error as { code?: string }).code === "EMFILE";
}

/** Whether the operating system refused a call. Deno has no code for some of these errors. */
export function isFromSystem(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return typeof code === "string" || / \(os error \d+\)/.test(String(message));
}

/** For `promise.catch()`: returns `undefined` if there is no such file, throws any other error. */
export function ignoreMissing(error: unknown): undefined {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
