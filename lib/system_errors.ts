/**
 * What the errors of the system mean.
 *
 * @module
 */

/** Whether the system says that there is no room, on the disk or in the quota. */
export function isDiskFull(error: unknown): boolean {
  const { code, message = "" } = error as { code?: string; message?: string };
  // Deno has no code for EDQUOT.
  return code === "ENOSPC" || /quota exceeded \(os error/i.test(message);
}

/** Whether the system says that this process has as many file descriptors as it may. */
export function isOutOfDescriptors(error: unknown): boolean {
  return (error as { code?: string }).code === "EMFILE";
}

/** Whether an error is the system's answer to a call; not each one has a code in Deno. */
export function isFromSystem(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return typeof code === "string" || / \(os error \d+\)/.test(String(message));
}

/** To be given to `catch`: no such file is no error. */
export function ignoreMissing(error: unknown): undefined {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
