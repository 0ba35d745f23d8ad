import { assertEquals, assertNotEquals } from "@std/assert";
import { claimPorts } from "../../../lib/launch/ports.ts";
import { ROLES } from "../../../lib/roles.ts";

Deno.test("claimPorts() gives the same ports to nobody else until they are given back", () => {
  const drawn: number[] = [];
  const mine = claimPorts(() => {
    drawn.push(Math.random());
    return drawn.at(-1)!;
  });
  /** Draws what was drawn for mine, then anything. */
  const alike = (): () => number => {
    const again = drawn.slice(-2);
    return () => again.shift() ?? Math.random();
  };
  {
    using others = claimPorts(alike());
    for (const role of ROLES) assertNotEquals(others[role], mine[role]);
  }
  mine[Symbol.dispose]();
  using back = claimPorts(alike());
  for (const role of ROLES) assertEquals(back[role], mine[role]);
});
