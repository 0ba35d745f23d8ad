import { assertEquals, assertThrows } from "@std/assert";
import {
  ignoreMissing,
  isDiskFull,
  isFromSystem,
  isOutOfDescriptors,
} from "../../lib/system_errors.ts";

/** As Deno makes it: an errno without a code of its own is named in the message alone. */
function systemError(message: string, code?: string): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

const FULL = systemError("No space left on device (os error 28)", "ENOSPC");
const QUOTA = systemError("Disk quota exceeded (os error 122)");
const UNCLEAN = systemError("Structure needs cleaning (os error 117)");
const DESCRIPTORS = systemError("Too many open files (os error 24)", "EMFILE");
const OWN = new TypeError("Disk quota exceeded");

Deno.test("isDiskFull() knows a full disk and a full quota", () => {
  const errors = [FULL, QUOTA, UNCLEAN, DESCRIPTORS, OWN];
  assertEquals(errors.map(isDiskFull), [true, true, false, false, false]);
});

Deno.test("isOutOfDescriptors() knows the limit of open files", () => {
  assertEquals([FULL, DESCRIPTORS, OWN].map(isOutOfDescriptors), [false, true, false]);
});

Deno.test("isFromSystem() knows errors without a code too, and no error of the program", () => {
  const errors = [FULL, QUOTA, UNCLEAN, DESCRIPTORS, OWN];
  assertEquals(errors.map(isFromSystem), [true, true, true, true, false]);
});

Deno.test("ignoreMissing() throws every error but NotFound", () => {
  assertEquals(ignoreMissing(new Deno.errors.NotFound("none")), undefined);
  for (const error of [FULL, OWN]) assertThrows(() => ignoreMissing(error), Error, error.message);
});
