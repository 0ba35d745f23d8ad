import { assert, assertEquals } from "@std/assert";
import type { Address } from "../../../lib/address.ts";
import { Link } from "../../../lib/client/link.ts";
import { CodedError } from "../../../lib/errors.ts";
import type { JsonObject } from "../../../lib/json.ts";
import type { Log } from "../../../lib/log.ts";
import type { Server } from "../../../lib/server/server.ts";
import { type Clock, SYSTEM } from "../../../lib/system.ts";
import { quiet, recordLog } from "../../harness/recorded_log.ts";
import { serve } from "../../harness/test_server.ts";
import { until } from "../../harness/waiting.ts";
import { afterLogin, rejection, secret } from "./client_harness.ts";

function linkTo(addresses: Address[], log: Log = quiet): Link {
  return new Link({ role: "echo", addresses, secret, log });
}

/** A server that records the ids of its requests, and answers none before `gate` resolves. */
async function worker(
  number: number,
): Promise<{ server: Server; gate: PromiseWithResolvers<void>; asked: string[] }> {
  const gate = Promise.withResolvers<void>();
  const asked: string[] = [];
  const server = await serve({
    answer: async ({ id }) => {
      asked.push(id);
      await gate.promise;
      return { number };
    },
  });
  return { server, gate, asked };
}

Deno.test("Link waits for its first connection, then sends the request", async () => {
  await using server = await serve();
  const clock: Clock = {
    ...SYSTEM.clock,
    // The wait ends only with a connection: its second never passes.
    after: (ms, callback) => ms === 1_000 ? () => {} : SYSTEM.clock.after(ms, callback),
  };
  const system = { ...SYSTEM, clock };
  const addresses = [server.address];
  await using link = new Link({ role: "echo", addresses, secret, log: quiet, system });
  assertEquals(link.up, false);
  assertEquals(await link.call("say", { a: 1 }, { id: "a", timeoutMs: 30_000 }), { a: 1 });
  assertEquals(link.up, true);
});

Deno.test("Link sends a request to its least busy address", async () => {
  const workers = [await worker(0), await worker(1)];
  await using _a = workers[0].server;
  await using _b = workers[1].server;
  await using link = linkTo(workers.map(({ server }) => server.address));
  await until(() => link.states().every(({ up }) => up), "both are up");
  const calls: Promise<JsonObject>[] = [];
  for (let n = 0; n < 10; n++) {
    calls.push(link.call("say", {}, { id: `n${n}`, timeoutMs: 30_000 }));
    await until(
      () => workers[0].asked.length + workers[1].asked.length > n,
      "the request is there",
    );
  }
  assertEquals(workers.map(({ asked }) => asked.length), [5, 5]);
  assertEquals(link.states().map(({ in_flight }) => in_flight), [5, 5]);
  workers[0].gate.resolve();
  await until(() => link.states()[0].in_flight === 0, "the first is free");
  for (let n = 10; n < 14; n++) {
    await link.call("say", {}, { id: `n${n}`, timeoutMs: 30_000 });
  }
  assertEquals(workers.map(({ asked }) => asked.length), [9, 5]);
  workers[1].gate.resolve();
  await Promise.all(calls);
});

Deno.test("Link prefers the address in `affinity`, even if it is busy", async () => {
  const workers = [await worker(0), await worker(1)];
  await using _a = workers[0].server;
  await using _b = workers[1].server;
  await using link = linkTo(workers.map(({ server }) => server.address));
  await until(() => link.states().every(({ up }) => up), "both are up");
  const chosen: string[] = [];
  const onChosen = (address: string): Promise<void> => Promise.resolve(void chosen.push(address));
  const late = await rejection(link.call("say", {}, { id: "t1.say", timeoutMs: 50, onChosen }));
  assertEquals([late.code, late.maybeDone], ["deadline_exceeded", true]);
  const [affinity] = chosen;
  const isFirst = affinity === `127.0.0.1:${workers[0].server.address.port}`;
  const [busy, other] = isFirst ? workers : workers.toReversed();
  other.gate.resolve();
  const more = link.call("say", {}, { id: "t2.say", timeoutMs: 30_000, affinity });
  await until(() => busy.asked.includes("t2.say"), "the address has something to do");
  const repeat = link.call("say", {}, { id: "t1.say", timeoutMs: 30_000, affinity });
  await until(() => busy.asked.filter((id) => id === "t1.say").length === 2, "the repetition");
  assertEquals(other.asked.includes("t1.say"), false);
  busy.gate.resolve();
  await Promise.all([more, repeat]);
});

Deno.test("Link avoids an address that has just failed while another one is up", async () => {
  let healthy = false;
  const asked: string[] = [];
  await using bad = await serve({
    answer: ({ id }) => {
      asked.push(id);
      if (healthy) return Promise.resolve({ from: "bad" });
      return Promise.reject(new CodedError("handler_failed", "Cannot say: no luck"));
    },
  });
  await using good = await serve({ answer: () => Promise.resolve({ from: "good" }) });
  await using link = linkTo([bad.address, good.address]);
  await until(() => link.states().every(({ up }) => up), "both are up");
  await rejection(link.call("say", {}, { id: "first", timeoutMs: 30_000 }));
  assert(link.states()[0].cooldown_ms > 0);
  for (let n = 0; n < 5; n++) {
    const reply = await link.call("say", {}, { id: `n${n}`, timeoutMs: 30_000 });
    assertEquals(reply, { from: "good" });
  }
  assertEquals(asked, ["first"]);
  await good[Symbol.asyncDispose]();
  await until(() => !link.states()[1].up, "the good address is down");
  healthy = true;
  // An address that has failed is better than none; its answer ends the cooldown.
  const reply = await link.call("say", {}, { id: "last", timeoutMs: 30_000 });
  assertEquals([reply, link.states()[0].cooldown_ms], [{ from: "bad" }, 0]);
});

Deno.test("Link sends all requests to the address that is still up", async () => {
  await using remaining = await serve();
  const lost = await serve();
  await using link = linkTo([lost.address, remaining.address]);
  await until(() => link.states().every(({ up }) => up), "both are up");
  await lost[Symbol.asyncDispose]();
  await until(() => !link.states()[0].up, "the loss is seen");
  for (let n = 0; n < 3; n++) {
    assertEquals(await link.call("say", { n }, { id: `n${n}`, timeoutMs: 30_000 }), { n });
  }
});

Deno.test("Link does not repeat a request whose connection was lost", async () => {
  let asked = 0;
  await using server = afterLogin(async (peer) => {
    while (await peer.line() !== undefined) {
      asked++;
      peer[Symbol.dispose]();
    }
  });
  await using link = linkTo([server.address]);
  const error = await rejection(link.call("say", {}, { id: "a", timeoutMs: 30_000 }));
  assertEquals([error.code, error.maybeDone], ["agent_unreachable", true]);
  await until(() => link.up, "it is up again");
  assertEquals(asked, 1);
});

Deno.test("Link reports that nothing was done if no address is up", async () => {
  await using server = await serve({ role: "reporter" });
  const { log, logged } = recordLog();
  await using link = linkTo([server.address], log);
  const error = await rejection(link.call("say", {}, { id: "a", timeoutMs: 50 }));
  assertEquals([error.code, error.maybeDone], ["agent_unreachable", false]);
  await until(() => logged.length > 0, "it is logged");
  const [{ up, name, error: why }] = link.states();
  assertEquals([up, name], [false, null]);
  assert(why!.includes('it is "reporter", not "echo"'), why!);
});

Deno.test("Link asks the agent to cancel a request when its signal aborts", async () => {
  const cancelled = Promise.withResolvers<void>();
  const seen: JsonObject[] = [];
  await using server = await serve({
    answer: async ({ type, body = {} }) => {
      if (type === "cancel") {
        seen.push(body);
        cancelled.resolve();
        return { cancelled: true };
      }
      await cancelled.promise;
      throw new CodedError("cancelled", "Cancelled");
    },
  });
  await using link = linkTo([server.address]);
  const aborter = new AbortController();
  const call = rejection(
    link.call("say", {}, { id: "t7.say", timeoutMs: 30_000, signal: aborter.signal }),
  );
  await until(() => link.states()[0].in_flight === 1, "the request is there");
  aborter.abort(new CodedError("cancelled", "Not wanted"));
  assertEquals((await call).code, "cancelled");
  assertEquals(seen, [{ id: "t7.say" }]);
});

Deno.test("Link does not send a request whose signal has aborted before", async () => {
  let asked = 0;
  await using server = await serve({ answer: () => Promise.resolve({ asked: ++asked }) });
  await using link = linkTo([server.address]);
  const aborter = new AbortController();
  const early = rejection(
    link.call("say", {}, { id: "a", timeoutMs: 30_000, signal: aborter.signal }),
  );
  aborter.abort(new CodedError("cancelled", "Not wanted"));
  assertEquals((await early).code, "cancelled");
  assertEquals(await link.call("say", {}, { id: "b", timeoutMs: 30_000 }), { asked: 1 });
});

Deno.test("Link rejects all requests when it is disposed", async () => {
  const busy = await worker(0);
  await using server = busy.server;
  const link = linkTo([server.address]);
  const asked = rejection(link.call("say", {}, { id: "a", timeoutMs: 30_000 }));
  await until(() => busy.asked.length === 1, "the request is there");
  await link[Symbol.asyncDispose]();
  assertEquals((await asked).code, "agent_unreachable");
  const waiting = linkTo([]);
  const early = rejection(waiting.call("say", {}, { id: "b", timeoutMs: 30_000 }));
  await waiting[Symbol.asyncDispose]();
  const error = await early;
  assertEquals([error.code, error.maybeDone], ["agent_unreachable", false]);
  busy.gate.resolve();
});

Deno.test("Link.inFlight() returns the requests of a prefix, with their agent and age", async () => {
  const { server, gate, asked } = await worker(0);
  await using _ = server;
  await using link = linkTo([server.address]);
  const ids = ["t1.merge", "t1.collect.0", "t11.merge"];
  const calls = ids.map((id) => link.call("say", {}, { id, timeoutMs: 30_000 }));
  await until(() => asked.length === 3, "the requests are there");
  const inFlight = link.inFlight("t1.");
  assertEquals(inFlight.map(({ id }) => id).sort(), ["t1.collect.0", "t1.merge"]);
  assertEquals(new Set(inFlight.map(({ name }) => name)), new Set([link.states()[0].name]));
  for (const { ms } of inFlight) assert(ms >= 0 && ms < 60_000, `${ms}`);
  gate.resolve();
  await Promise.all(calls);
  assertEquals(link.inFlight(""), []);
});
