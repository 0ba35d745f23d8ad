import { assertEquals } from "@std/assert";
import { Unauthenticated } from "../../../lib/server/unauthenticated.ts";

// Seen to catch: the newest that gives way in place of the oldest, an address that is not looked at, a
// hello that counts for nothing, one that is given away twice, a crowd of which nobody gets through, an
// address that is weighed by how many it has alone.

/** Everyone who gives way to a newcomer from this address, until nobody does. */
function all(newcomers: Unauthenticated<string>, address: string, now: number): string[] {
  const gone: string[] = [];
  for (let one; (one = newcomers.makeRoomFor(address, now)) !== undefined;) gone.push(one);
  return gone;
}

Deno.test("Newcomers lets the oldest of an address go first", () => {
  const newcomers = new Unauthenticated<string>();
  for (const [at, one] of ["a", "b", "c", "d"].entries()) newcomers.add(one, "x", at);
  newcomers.delete("b", "x");
  newcomers.delete("b", "x");
  assertEquals(newcomers.count, 3);
  assertEquals(all(newcomers, "x", 1_000), ["a", "c", "d"]);
  assertEquals(newcomers.count, 0);
});

Deno.test("Newcomers lets whoever said hello begin anew, once", () => {
  const newcomers = new Unauthenticated<string>();
  for (const [at, one] of ["a", "b", "c"].entries()) newcomers.add(one, "x", at);
  newcomers.greet("a", "x", 5);
  newcomers.add("d", "x", 6);
  newcomers.greet("nobody", "x", 7);
  assertEquals(newcomers.count, 4);
  assertEquals(all(newcomers, "x", 1_000), ["b", "c", "a", "d"]);
});

Deno.test("Newcomers lets those go before all others whose proof was wrong", () => {
  const newcomers = new Unauthenticated<string>();
  for (const one of ["a", "b", "c"]) newcomers.add(one, "x", 0);
  newcomers.add("d", "y", 0);
  newcomers.refuse("d", "y");
  newcomers.refuse("c", "x");
  newcomers.refuse("b", "x");
  newcomers.delete("c", "x");
  assertEquals(newcomers.count, 3);
  assertEquals(all(newcomers, "x", 0), ["d", "b"], "they go though they have just come");
  assertEquals(all(newcomers, "x", 10), ["a"]);
});

Deno.test("Newcomers lets the address with the most give way, whoever comes", () => {
  const newcomers = new Unauthenticated<string>();
  newcomers.add("honest", "y", 0);
  for (let n = 0; n < 4; n++) newcomers.add(`bad ${n}`, "x", 1 + n);
  const gone = ["x", "y", "z"].map((address) => newcomers.makeRoomFor(address, 1_000));
  assertEquals(gone, ["bad 0", "bad 1", "bad 2"]);
});

Deno.test("Newcomers lets nobody go who has just come, but for another address", () => {
  const newcomers = new Unauthenticated<string>();
  for (const one of ["a", "b"]) newcomers.add(one, "x", 100);
  newcomers.add("c", "y", 100);
  assertEquals(newcomers.makeRoomFor("x", 109), undefined);
  assertEquals(newcomers.makeRoomFor("y", 109), "a");
  assertEquals(newcomers.makeRoomFor("y", 109), undefined, "they have one each now");
  assertEquals(newcomers.makeRoomFor("x", 110), "b");
  assertEquals(newcomers.count, 1);
});

Deno.test("Newcomers lets an address with one for long give way before one with several for a moment", () => {
  const newcomers = new Unauthenticated<string>();
  newcomers.add("silent", "x", 0);
  for (const one of ["a", "b", "c"]) newcomers.add(one, "y", 300);
  assertEquals(newcomers.makeRoomFor("z", 400), "silent", "1 for 400 ms, and 3 for 100");
  newcomers.add("later", "x", 200);
  assertEquals(newcomers.makeRoomFor("z", 500), "a", "1 for 300 ms, and 3 for 200");
});
