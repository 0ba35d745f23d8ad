import { assertEquals, assertRejects } from "@std/assert";
import { sleep } from "../../../lib/retry.ts";
import { type Loopback, LoopbackPool } from "../../../lib/tls/loopback_pool.ts";
import { within } from "../../harness/waiting.ts";

// Seen to fail: with always the newest first, with a connection for a peer that has gone, and with
// one failure that ends the serving of all.

/** Resolves after everything that needs no time has happened. */
const settled = (): Promise<void> => sleep(0);

/** A pool whose connections are made when the test says so. The second one fails. */
class ManualPool {
  readonly pool: LoopbackPool;
  made = 0;
  #next = Promise.withResolvers<void>();

  constructor() {
    this.pool = new LoopbackPool(async () => {
      await this.#next.promise;
      this.#next = Promise.withResolvers();
      if (this.made++ === 1) throw new Error("No descriptor is left");
      return { number: this.made } as unknown as Loopback;
    });
  }

  async makeOne(): Promise<void> {
    this.#next.resolve();
    await settled();
  }
}

const never = new Promise<void>(() => {});

Deno.test("LoopbackPool serves the newest and the oldest in turn, and nobody who has gone", async () => {
  const manual = new ManualPool();
  const served: string[] = [];
  const get = (name: string, ended = never): Promise<unknown> =>
    manual.pool.get(ended).then(() => served.push(name));
  const first = get("first");
  const leaving = Promise.withResolvers<void>();
  get("gone", leaving.promise);
  const failing = get("failing, as the second one that is made");
  leaving.resolve();
  await manual.makeOne();
  await Promise.all([
    first,
    manual.makeOne(),
    assertRejects(() => failing, Error, "No descriptor"),
  ]);
  const others = ["second", "third", "fourth", "fifth"].map((name) => get(name));
  for (let n = 0; n < others.length; n++) await manual.makeOne();
  await within(Promise.all(others), "all that wait");
  assertEquals(served, ["first", "second", "third", "fifth", "fourth"]);
  assertEquals(manual.made, 6);
});
