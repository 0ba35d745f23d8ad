import { assertEquals, assertRejects } from "@std/assert";
import { Link } from "../../../lib/client/link.ts";
import { CodedError } from "../../../lib/errors.ts";
import { importSecret } from "../../../lib/wire/auth.ts";
import { Agents } from "../../../orchestrator/run/agents.ts";
import type { Pausable } from "../../../orchestrator/run/pauses.ts";
import { quiet } from "../../harness/recorded_log.ts";
import { SECRET } from "../../harness/secrets.ts";
import { serve, type ServeOptions } from "../../harness/test_server.ts";
import { until } from "../../harness/waiting.ts";
import { StillClock } from "../task_harness.ts";

/** Starts a single agent, `echo`, which answers as `answer` does. */
async function start(answer?: ServeOptions["answer"], clock = new StillClock()) {
  const stack = new AsyncDisposableStack();
  const paused = new Map<string, string>();
  const pauses = {
    since: (what: Pausable, name: string) => paused.get(`${what} ${name}`) ?? null,
  };
  const { address } = stack.use(await serve({ answer }));
  const secret = await importSecret(SECRET);
  const link = new Link({ role: "echo", addresses: [address], secret, log: quiet });
  const agents = stack.use(new Agents([link], pauses, clock));
  return { agents, paused, clock, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

Deno.test("ask() sends nothing to an agent that is paused, until it is resumed", async () => {
  const bodies: unknown[] = [];
  await using running = await start(({ body = {} }) => {
    bodies.push(body);
    return Promise.resolve(body);
  });
  const { agents, paused } = running;
  const ask = (a: number) => agents.ask("echo", "say", { a }, { id: `a${a}`, timeoutMs: 60_000 });
  assertEquals(await ask(1), { a: 1 });
  paused.set("pipeline echo", "1970-01-01T00:00:00.000Z").set("agent echo", "2026-11-02");
  const error = await assertRejects(() => ask(2), CodedError);
  assertEquals([error.code, agents.states()[0].paused], ["paused", "2026-11-02"]);
  paused.delete("agent echo");
  assertEquals([await ask(3), agents.states()[0].paused], [{ a: 3 }, null]);
  assertEquals(bodies, [{ a: 1 }, { a: 3 }]);
});

Deno.test("ask() throws `not_found` if there is no such agent", async () => {
  await using running = await start();
  const { agents } = running;
  const ask = () => agents.ask("knitter", "say", {}, { id: "a", timeoutMs: 60_000 });
  assertEquals((await assertRejects(ask, CodedError, `"knitter"`)).code, "not_found");
  assertEquals([agents.has("echo"), agents.has("knitter")], [true, false]);
});

Deno.test("call() counts replies and failures, and ask() counts none", async () => {
  await using running = await start(({ type }) => {
    if (type === "fail") throw new CodedError("handler_failed", "Cannot say it");
    return Promise.resolve({});
  });
  const { agents, clock } = running;
  const options = { id: "t1.say", timeoutMs: 60_000 };
  assertEquals([agents.states()[0].done, agents.states()[0].last], [0, null]);
  await agents.ask("echo", "say", {}, { ...options, id: "a" });
  await agents.call("echo", "say", {}, options);
  clock.ms += 30;
  assertEquals(agents.states()[0].last, { id: "t1.say", ms_ago: 30, error: null });
  const failing = () => agents.call("echo", "fail", {}, { ...options, id: "t1.fail" });
  await assertRejects(failing, CodedError, "Cannot say it");
  const { done, failed, last } = agents.states()[0];
  assertEquals([done, failed], [1, 1]);
  assertEquals(last, { id: "t1.fail", ms_ago: 0, error: "handler_failed" });
});

Deno.test("inFlight() lists the requests of a task, and of no task whose id begins alike", async () => {
  const gate = Promise.withResolvers<Record<string, never>>();
  await using running = await start(() => gate.promise);
  const { agents } = running;
  const ids = ["t1.merge", "t12.merge", "t1.analyze.0"];
  const calls = ids.map((id) => agents.call("echo", "say", {}, { id, timeoutMs: 60_000 }));
  const idsOf = (task: string) => agents.inFlight(task).map(({ id }) => id).sort();
  await until(() => idsOf("t1").length === 2 && idsOf("t12").length === 1, "all are sent");
  assertEquals(idsOf("t1"), ["t1.analyze.0", "t1.merge"]);
  gate.resolve({});
  await Promise.all(calls);
  assertEquals(idsOf("t1"), []);
});
