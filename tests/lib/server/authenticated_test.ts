import { assertEquals } from "@std/assert";
import { Authenticated } from "../../../lib/server/authenticated.ts";

// Seen to catch: another half or none that stays, the last in place of the first, one that asks for
// nothing or an address with the most that is not looked at, one that is given away or counted twice,
// an address that is kept when it has none.

interface One {
  readonly name: string;
  inFlight: number;
}

const idle = (name: string): One => ({ name, inFlight: 0 });
const busy = (name: string): One => ({ name, inFlight: 1 });

/** All of them, each as it gives way. */
function all(members: Authenticated<One>): string {
  let names = "";
  for (let one; (one = members.makeRoom()) !== undefined;) names += one.name;
  return names;
}

Deno.test("Members keeps the half that was let in first, and lets the first of the others go", () => {
  const members = new Authenticated<One>();
  const ones = [..."abcdefg"].map(idle);
  for (const one of ones) members.add(one, "x");
  members.delete(ones[1], "x");
  members.delete(ones[1], "x");
  members.delete(ones[2], "nowhere");
  assertEquals(members.count, 6);
  assertEquals(members.makeRoom()?.name, "e");
  members.add(idle("h"), "x");
  assertEquals(all(members), "fdgcha");
  assertEquals([members.count, members.makeRoom()], [0, undefined]);
});

Deno.test("Members lets those of a half stay for longest that wait for an answer", () => {
  const members = new Authenticated<One>();
  const ones = [idle("a"), idle("b"), busy("c"), idle("d"), busy("e"), idle("f"), busy("g")];
  for (const one of ones) members.add(one, "x");
  assertEquals([members.makeRoom()?.name, members.makeRoom()?.name], ["d", "f"]);
  assertEquals(all(members), "cebga");
});

Deno.test("Members lets those go first whose address has the most", () => {
  const members = new Authenticated<One>();
  members.add(idle("a"), "few");
  for (const name of "bcd") members.add(busy(name), "many");
  members.add(idle("e"), "few");
  assertEquals(members.makeRoom()?.name, "c");
  // As many now: of the address that has had one for longer.
  assertEquals(all(members), "edab");
  const again = idle("f");
  members.add(again, "few");
  members.add(idle("g"), "many");
  members.delete(again, "few");
  members.add(again, "few");
  assertEquals(all(members), "gf");
});
