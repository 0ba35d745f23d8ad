import { assertEquals, assertRejects } from "@std/assert";
import { sleep } from "../../lib/retry.ts";
import { type Loop, Loops } from "../../lib/tls_loops.ts";
import { within } from "./wire.ts";

// Seen to catch: room for all, the first one first, a loop for who is gone, and one failure that ends
// the serving of all.

/** Lets all go on that needs no time. */
const settled = (): Promise<void> => sleep(0);

/** Loops that are made when the test says so, each known by its number. */
class Making {
  readonly loops: Loops;
  made = 0;
  #now = Promise.withResolvers<void>();

  constructor() {
    this.loops = new Loops(async () => {
      await this.#now.promise;
      this.#now = Promise.withResolvers();
      if (this.made++ === 1) throw new Error("No descriptor is left");
      return { number: this.made } as unknown as Loop;
    });
  }

  /** Makes one. */
  async make(): Promise<void> {
    this.#now.resolve();
    await settled();
  }
}

const wanted = (): boolean => true;

Deno.test("Loops has room for one more each time one is served, while many wait", async () => {
  const making = new Making();
  let entered = 0;
  const crowd = (async () => {
    for (; entered < 40; entered++) {
      await making.loops.room();
      making.loops.get(wanted).catch(() => {});
    }
  })();
  await settled();
  const first = entered;
  assertEquals(first, 18); // one is being served, 17 wait
  for (let served = 1; served <= 22; served++) {
    await making.make();
    assertEquals(entered, first + served);
  }
  await within(crowd, "all to be let in");
});

Deno.test("Loops serves the last one first, and nobody who is gone", async () => {
  const making = new Making();
  const served: string[] = [];
  const get = (name: string, isWanted = wanted): Promise<unknown> =>
    making.loops.get(isWanted).then(() => served.push(name));
  const first = get("first");
  const failing = get("failing, as the second one that is made");
  get("gone", () => false);
  await making.make();
  await Promise.all([first, making.make(), assertRejects(() => failing, Error, "No descriptor")]);
  const others = [get("second"), get("third"), get("fourth")];
  for (let n = 0; n < others.length; n++) await making.make();
  await within(Promise.all(others), "those who wait");
  assertEquals(served, ["first", "second", "fourth", "third"]);
  assertEquals(making.made, 5);
});
