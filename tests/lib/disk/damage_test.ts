import { assertEquals, assertInstanceOf } from "@std/assert";
import { Damage } from "../../../lib/disk/damage.ts";
import { ExitError } from "../../../lib/exit.ts";

Deno.test("Damage names the file, the byte if there is one, and the reason", () => {
  const { message, exitCode } = new Damage("journal", "folder/file", 0, "it is missing");
  assertEquals(message, 'Cannot read journal "folder/file" at byte 0: it is missing');
  assertEquals(exitCode, 65);
  const unread = new Damage("memory", "folder/file", undefined, "it is not a plain file");
  assertEquals(unread.message, 'Cannot read memory "folder/file": it is not a plain file');
});

Deno.test("Damage.withRemedy() names the command, and is no Damage any more", () => {
  const damage = new Damage("memory", "folder/file", 7, "its checksum is wrong");
  const error = damage.withRemedy("analyzer");
  assertInstanceOf(error, ExitError);
  assertEquals([error instanceof Damage, error.reason, error.cause], [false, "damaged", damage]);
  const remedy = '; "analyzer repair" continues without the damaged part';
  assertEquals(error.message, damage.message + remedy);
});
