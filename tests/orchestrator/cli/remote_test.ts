import { assertEquals, assertRejects } from "@std/assert";
import { CodedError } from "../../../lib/errors.ts";
import { SYSTEM, type System } from "../../../lib/system.ts";
import { importSecret } from "../../../lib/wire/auth.ts";
import { Remote } from "../../../orchestrator/cli/remote.ts";
import { SECRET } from "../../harness/secrets.ts";
import { serve, serveAgain } from "../../harness/test_server.ts";

const ROLE = "orchestrator";

async function remoteAt(port: number, system = SYSTEM): Promise<Remote> {
  return new Remote({ hostname: "127.0.0.1", port }, await importSecret(SECRET), system);
}

/** The real system, but with this way to connect. */
function withConnect(connect: System["net"]["connect"]): System {
  return { ...SYSTEM, net: { ...SYSTEM.net, connect } };
}

Deno.test("Remote connects with the first request and keeps the connection", async () => {
  await using server = await serve({ role: ROLE });
  let connections = 0;
  const connect = (options: Deno.ConnectOptions): Promise<Deno.TcpConn> => {
    connections++;
    return Deno.connect(options);
  };
  using remote = await remoteAt(server.address.port, withConnect(connect));
  assertEquals(connections, 0);
  assertEquals(await remote.ask("echo", { n: 1 }), { n: 1 });
  assertEquals(await remote.ask("echo", { n: 2 }), { n: 2 });
  assertEquals(connections, 1);
});

Deno.test("Remote.ask() does not repeat a request", async () => {
  let asked = 0;
  const answer = (): never => {
    asked++;
    throw new CodedError("draining", "Shutting down");
  };
  await using server = await serve({ role: ROLE, answer });
  using remote = await remoteAt(server.address.port);
  assertEquals((await assertRejects(() => remote.ask("get", {}), CodedError)).code, "draining");
  assertEquals(asked, 1);
});

Deno.test("Remote.askAgain() repeats a request until the orchestrator has restarted", async () => {
  const first = await serve({ role: ROLE });
  const { port } = first.address;
  using remote = await remoteAt(port);
  await remote.ask("echo", {});
  await first[Symbol.asyncDispose]();
  const answered = remote.askAgain("echo", { n: 1 });
  await using _second = await serveAgain({ role: ROLE, port });
  assertEquals(await answered, { n: 1 });
});

Deno.test("Remote.askAgain() does not repeat a rejected request", async () => {
  let asked = 0;
  const answer = (): never => {
    asked++;
    throw new CodedError("not_found", "Cannot find it");
  };
  await using server = await serve({ role: ROLE, answer });
  using remote = await remoteAt(server.address.port);
  const error = await assertRejects(() => remote.askAgain("get", {}), CodedError);
  assertEquals([error.code, asked], ["not_found", 1]);
});

Deno.test("Remote.askAgain() tries to connect once if no connection has succeeded before", async () => {
  let tries = 0;
  const connect = (): never => {
    tries++;
    throw new Deno.errors.ConnectionRefused();
  };
  using remote = await remoteAt(1, withConnect(connect));
  const error = await assertRejects(() => remote.askAgain("get", {}), CodedError);
  assertEquals([error.code, tries], ["agent_unreachable", 1]);
});

Deno.test("Remote.askAgain() gives up if the orchestrator is away for more than a minute", async () => {
  let laterMs = 0;
  const clock = { ...SYSTEM.clock, now: () => SYSTEM.clock.now() + laterMs };
  let asked = 0;
  const answer = (): never => {
    laterMs = 61_000;
    throw new CodedError(++asked === 1 ? "draining" : "not_found", "Shutting down");
  };
  await using server = await serve({ role: ROLE, answer });
  using remote = await remoteAt(server.address.port, { ...SYSTEM, clock });
  const error = await assertRejects(() => remote.askAgain("get", {}), CodedError);
  assertEquals([error.code, asked], ["draining", 1]);
});
