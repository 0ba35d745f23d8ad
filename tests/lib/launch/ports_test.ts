import { assertEquals, assertNotEquals } from "@std/assert";
import { claimPorts } from "../../../lib/launch/ports.ts";
import { loopbackPort, ROLES } from "../../../lib/roles.ts";

/** Draws these, then anything. */
function draws(...these: number[]): () => number {
  return () => these.shift() ?? Math.random();
}

/** Ports, and what was drawn for them. */
function claimed() {
  const drawn: number[] = [];
  const ports = claimPorts(() => {
    drawn.push(Math.random());
    return drawn.at(-1)!;
  });
  return { ports, drawn: drawn.slice(-2) };
}

Deno.test("claimPorts() gives the same ports to nobody else until they are given back", () => {
  const { ports: mine, drawn } = claimed();
  {
    using others = claimPorts(draws(...drawn));
    for (const role of ROLES) assertNotEquals(others[role], mine[role]);
  }
  mine[Symbol.dispose]();
  using back = claimPorts(draws(...drawn));
  for (const role of ROLES) assertEquals(back[role], mine[role]);
});

Deno.test("claimPorts() takes no ports of which one is busy, and keeps no hold of them", () => {
  const { ports: mine, drawn } = claimed();
  mine[Symbol.dispose]();
  for (const port of [mine.collector, loopbackPort(mine.collector)]) {
    {
      using _busy = Deno.listen({ hostname: "127.0.0.1", port });
      using others = claimPorts(draws(...drawn));
      assertNotEquals(others.collector, mine.collector);
    }
    using back = claimPorts(draws(...drawn));
    assertEquals(back.collector, mine.collector);
  }
});
