import { assertEquals, assertRejects } from "@std/assert";
import { sleep } from "../../../lib/retry.ts";
import { type Loopback, LoopbackPool } from "../../../lib/tls/loopback_pool.ts";
import { within } from "../../harness/waiting.ts";

// Seen to catch: always the last one first, a loop for who is gone, and one failure that ends the
// serving of all.

/** Lets all go on that needs no time. */
const settled = (): Promise<void> => sleep(0);

/** Loops that are made when the test says so, each known by its number. */
class Making {
  readonly loops: LoopbackPool;
  made = 0;
  #now = Promise.withResolvers<void>();

  constructor() {
    this.loops = new LoopbackPool(async () => {
      await this.#now.promise;
      this.#now = Promise.withResolvers();
      if (this.made++ === 1) throw new Error("No descriptor is left");
      return { number: this.made } as unknown as Loopback;
    });
  }

  /** Makes one. */
  async make(): Promise<void> {
    this.#now.resolve();
    await settled();
  }
}

const never = new Promise<void>(() => {});

Deno.test("Loops serves the last and the first in turn, and nobody who is gone", async () => {
  const making = new Making();
  const served: string[] = [];
  const get = (name: string, ended = never): Promise<unknown> =>
    making.loops.get(ended).then(() => served.push(name));
  const first = get("first");
  const leaving = Promise.withResolvers<void>();
  get("gone", leaving.promise);
  const failing = get("failing, as the second one that is made");
  leaving.resolve();
  await making.make();
  await Promise.all([first, making.make(), assertRejects(() => failing, Error, "No descriptor")]);
  const others = ["second", "third", "fourth", "fifth"].map((name) => get(name));
  for (let n = 0; n < others.length; n++) await making.make();
  await within(Promise.all(others), "those who wait");
  assertEquals(served, ["first", "second", "third", "fifth", "fourth"]);
  assertEquals(making.made, 6);
});
