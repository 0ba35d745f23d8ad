import { assertEquals, assertNotEquals } from "@std/assert";
import { claimPorts } from "../../../lib/launch/ports.ts";
import { loopbackPort, ROLES } from "../../../lib/roles.ts";

/** Returns a random function that returns `numbers` first. */
function randomFrom(...numbers: number[]): () => number {
  return () => numbers.shift() ?? Math.random();
}

/** Claims ports, and returns them with the random numbers that lead to them. */
function claimed() {
  const numbers: number[] = [];
  const ports = claimPorts(() => {
    numbers.push(Math.random());
    return numbers.at(-1)!;
  });
  return { ports, numbers: numbers.slice(-2) };
}

Deno.test("claimPorts() returns ports that nobody else gets until they are disposed", () => {
  const { ports: mine, numbers } = claimed();
  {
    using others = claimPorts(randomFrom(...numbers));
    for (const role of ROLES) assertNotEquals(others[role], mine[role]);
  }
  mine[Symbol.dispose]();
  using again = claimPorts(randomFrom(...numbers));
  for (const role of ROLES) assertEquals(again[role], mine[role]);
});

Deno.test("claimPorts() skips a group with a busy port, and does not keep the group claimed", () => {
  const { ports: mine, numbers } = claimed();
  mine[Symbol.dispose]();
  for (const port of [mine.collector, loopbackPort(mine.collector)]) {
    {
      using _busy = Deno.listen({ hostname: "127.0.0.1", port });
      using others = claimPorts(randomFrom(...numbers));
      assertNotEquals(others.collector, mine.collector);
    }
    using again = claimPorts(randomFrom(...numbers));
    assertEquals(again.collector, mine.collector);
  }
});
