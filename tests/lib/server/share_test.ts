import { assertEquals } from "@std/assert";
import { Share } from "../../../lib/server/share.ts";

// Seen to catch: the newest or any connection in place of the idlest, an address that is not compared
// or only by its number of connections, a touch that is forgotten or adds, a request in flight that is
// not looked at, and a connection that is counted twice or never less.

interface Connection {
  readonly name: string;
  inFlight: number;
}

const idle = (name: string): Connection => ({ name, inFlight: 0 });
const asking = (name: string): Connection => ({ name, inFlight: 1 });

/** The names of all connections in the order of their eviction. */
function evictAll(share: Share<Connection>, now: number): string {
  let names = "";
  for (let evicted; (evicted = share.evict(now)) !== undefined;) names += evicted.name;
  return names;
}

Deno.test("Share.evict() evicts the idlest connection first", () => {
  const share = new Share<Connection>();
  const connections = [..."abcd"].map(idle);
  connections.forEach((connection, at) => share.add(connection, "x", at));
  share.touch(connections[0], "x", 5);
  share.delete(connections[2], "x");
  assertEquals(share.size, 3);
  assertEquals(evictAll(share, 10), "bda");
  assertEquals([share.size, share.evict(10)], [0, undefined]);
});

Deno.test("Share.evict() evicts a connection with a request in flight last", () => {
  const share = new Share<Connection>();
  for (const connection of [asking("a"), idle("b"), asking("c"), idle("d")]) {
    share.add(connection, "x", 0);
  }
  assertEquals(evictAll(share, 10), "bdac");
});

Deno.test("Share.evict() chooses the address with the most connections", () => {
  const share = new Share<Connection>();
  share.add(idle("a"), "few", 0);
  for (const name of "bcd") share.add(idle(name), "many", 0);
  assertEquals(share.evict(10)?.name, "b");
});

Deno.test("Share.evict() weighs an address by the idle time of its idlest connection too", () => {
  const share = new Share<Connection>();
  // A client that opens eight at once is not one of a crowd that holds one of each address.
  for (let n = 0; n < 8; n++) share.add(idle("honest"), "own", 995);
  for (let n = 0; n < 900; n++) share.add(idle("silent"), `crowd ${n}`, n);
  assertEquals(share.evict(1_000)?.name, "silent");
});

Deno.test("Share ignores a touch and a delete of what it does not hold", () => {
  const share = new Share<Connection>();
  const connection = idle("a");
  share.touch(connection, "x", 0);
  share.delete(connection, "x");
  assertEquals(share.size, 0);
  share.add(connection, "x", 0);
  share.delete(connection, "elsewhere");
  assertEquals(share.size, 1);
  share.delete(connection, "x");
  share.touch(connection, "x", 1);
  assertEquals([share.size, share.evict(2)], [0, undefined]);
});
