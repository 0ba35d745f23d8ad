import { assertEquals } from "@std/assert";
import { LIMITS } from "../../../lib/wire/limits.ts";
import { Capacity } from "../../../lib/server/capacity.ts";

// Seen to catch: a room that shrinks by others' descriptors, too early, too late or from what was open
// alone, members that are not counted, a share that is rounded to the other side.

const roomOf = (connections: number, connections_before_auth: number): Capacity =>
  new Capacity({ ...LIMITS, connections, connections_before_auth });

Deno.test("Room is what the limits say", () => {
  const room = roomOf(10, 7);
  assertEquals([room.all, room.members, room.dismissed], [10, 3, 2]);
  assertEquals([room.newcomers(0), room.newcomers(3)], [7, 7]);
  assertEquals([roomOf(1_024, 1).dismissed, roomOf(65_536, 1).dismissed], [128, 128]);
});

Deno.test("Room shrinks to three quarters of what was open, and newcomers have what members leave", () => {
  const room = roomOf(100, 70);
  assertEquals(room.shrink(80, 0), true);
  assertEquals([room.all, room.members, room.dismissed], [60, 18, 8]);
  assertEquals([room.newcomers(0), room.newcomers(18), room.newcomers(70)], [60, 42, 1]);
});

Deno.test("Room does not shrink again before those have gone who were told to, nor grow", () => {
  const room = roomOf(100, 70);
  room.shrink(80, 1_000);
  assertEquals([room.shrink(80, 3_999), room.all], [false, 60]);
  assertEquals([room.shrink(200, 4_000), room.all, room.members], [true, 45, 14]);
  assertEquals([room.shrink(40, 7_000), room.all], [true, 30]);
});

Deno.test("Room does not shrink where others have taken the descriptors", () => {
  const room = roomOf(100, 70);
  assertEquals([room.shrink(15, 0), room.all], [false, 100]);
  assertEquals([room.shrink(16, 0), room.all], [true, 12]);
});
