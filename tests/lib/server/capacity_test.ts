import { assertEquals } from "@std/assert";
import { LIMITS } from "../../../lib/wire/limits.ts";
import { Capacity } from "../../../lib/server/capacity.ts";

// Seen to catch: a capacity that shrinks too early, too late, or if something else took the descriptors;
// authenticated connections that are not counted, and a share that is rounded to the other side.

const capacityOf = (connections: number, connections_before_auth: number): Capacity =>
  new Capacity({ ...LIMITS, connections, connections_before_auth });

Deno.test("Capacity is what the limits say", () => {
  const capacity = capacityOf(10, 7);
  assertEquals([capacity.all, capacity.authenticated, capacity.shed], [10, 3, 2]);
  assertEquals([capacity.unauthenticated(0), capacity.unauthenticated(3)], [7, 7]);
  assertEquals([capacityOf(1_024, 1).shed, capacityOf(65_536, 1).shed], [128, 128]);
});

Deno.test("Capacity.shrink() keeps three quarters of what was open", () => {
  const capacity = capacityOf(100, 70);
  assertEquals(capacity.shrink(80, 0), true);
  assertEquals([capacity.all, capacity.authenticated, capacity.shed], [60, 18, 8]);
  assertEquals([
    capacity.unauthenticated(0),
    capacity.unauthenticated(18),
    capacity.unauthenticated(70),
  ], [60, 42, 1]);
});

Deno.test("Capacity.shrink() does nothing for three seconds after it shrank, and never grows", () => {
  const capacity = capacityOf(100, 70);
  capacity.shrink(80, 1_000);
  assertEquals([capacity.shrink(80, 3_999), capacity.all], [false, 60]);
  assertEquals([capacity.shrink(200, 4_000), capacity.all, capacity.authenticated], [true, 45, 14]);
  assertEquals([capacity.shrink(40, 7_000), capacity.all], [true, 30]);
});

Deno.test("Capacity.shrink() does nothing if few connections were open", () => {
  const capacity = capacityOf(100, 70);
  assertEquals([capacity.shrink(15, 0), capacity.all], [false, 100]);
  assertEquals([capacity.shrink(16, 0), capacity.all], [true, 12]);
});
