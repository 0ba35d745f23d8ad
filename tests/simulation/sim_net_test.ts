import { assert, assertEquals, assertGreater, assertRejects, assertThrows } from "@std/assert";
import type { Connection, Net } from "../../lib/system.ts";
import type { Machine } from "./machine.ts";
import { bytesOf, Started, textOf, watched } from "./started.ts";

const { errors } = Deno;
const PORT = 7100;

interface Pair {
  readonly started: Started;
  readonly client: Connection;
  readonly server: Connection;
  readonly nets: readonly Net[];
  readonly machines: readonly Machine[];
}

/** Connects two machines. */
async function pair(seed = 1): Promise<Pair> {
  const started = new Started(seed, "one", "two");
  const { machines } = started;
  const nets = started.systems.map(({ net }) => net);
  const listener = nets[1].listen({ port: PORT });
  const [client, server] = await started.until(
    Promise.all([nets[0].connect({ hostname: "two", port: PORT }), listener.accept()]),
  );
  return { started, client, server, nets, machines };
}

/** Reads until the end of the stream. */
async function readAll(connection: Connection): Promise<string> {
  const into = new Uint8Array(64);
  let text = "";
  for (let read; (read = await connection.read(into)) !== null;) {
    text += textOf(into.subarray(0, read));
  }
  return text;
}

/** Sends the chunks and returns the text that the peer received. */
async function sent(chunks: readonly string[], { started, client, server }: Pair): Promise<string> {
  const reading = readAll(server);
  for (const chunk of chunks) {
    await client.write(bytesOf(chunk));
    await started.pass(5);
  }
  client.close();
  return await started.until(reading);
}

function lines(count: number): string[] {
  return Array.from({ length: count }, (_, number) => `${number}\n`);
}

Deno.test("SimNet.connect() returns an ordered stream with reads of any size", async () => {
  const { started, client, server } = await pair();
  const chunks = lines(200).map((line) => line.repeat(20));
  const sizes = new Set<number>();
  const writing = (async () => {
    for (const chunk of chunks) await client.write(bytesOf(chunk));
    client.close();
  })();
  const reading = (async () => {
    const into = new Uint8Array(50);
    let all = "";
    for (let read; (read = await server.read(into)) !== null;) {
      sizes.add(read);
      all += textOf(into.subarray(0, read));
    }
    return all;
  })();
  await writing;
  assertEquals(await started.until(reading), chunks.join(""));
  assertGreater(sizes.size, 10);
});

Deno.test("SimNet.connect() is refused if no process listens on the port", async () => {
  const { started, nets } = await pair();
  const refused = nets[0].connect({ hostname: "two", port: 1 });
  await assertRejects(() => started.until(refused), errors.ConnectionRefused);
});

Deno.test("SimNet.connect() reaches its own host as localhost", async () => {
  const { started, nets } = await pair();
  const { addr } = nets[0].listen({ hostname: "127.0.0.1", port: 0 });
  await started.until(nets[0].connect({ port: addr.port }));
  await started.until(nets[0].connect({ hostname: "localhost", port: addr.port }));
});

Deno.test("SimNet.connect() hangs if the host is off, until its signal aborts", async () => {
  const { started, nets, machines } = await pair();
  machines[1].cutPower();
  for (const hostname of ["two", "nowhere"]) {
    const abort = new AbortController();
    const hanging = nets[0].connect({ hostname, port: PORT, signal: abort.signal });
    const watch = watched(hanging);
    await started.pass(10_000);
    assertEquals(watch.state, "pending");
    abort.abort(new RangeError("enough"));
    await assertRejects(() => hanging, RangeError, "enough");
  }
});

Deno.test("SimNet.connect() completes after the host is turned on", async () => {
  const { started, nets, machines } = await pair();
  machines[1].cutPower();
  const hanging = nets[0].connect({ hostname: "two", port: PORT });
  await started.pass(1_000);
  machines[1].boot().net.listen({ port: PORT });
  await started.until(hanging);
});

Deno.test("SimNet.listen() picks a free port for 0 and rejects a port in use", async () => {
  const { nets } = await pair();
  const ports = [0, 0].map((port) => nets[0].listen({ port }).addr.port);
  assert(ports[0] !== ports[1] && Math.min(...ports) > 1024);
  const again = nets[1].listen.bind(nets[1], { port: PORT });
  assertThrows(again, errors.AddrInUse, "Address already in use (os error 98)");
});

Deno.test("SimListener.accept() is rejected when the listener is closed", async () => {
  const { nets } = await pair();
  const listener = nets[0].listen({ port: 0 });
  const accepting = watched(listener.accept());
  listener.close();
  await assertRejects(() => listener.accept(), errors.BadResource, "Listener has been closed");
  assertEquals(accepting.state, "BadResource");
  nets[0].listen({ port: listener.addr.port }).close();
});

Deno.test("SimListener.close() resets connections that are not yet accepted", async () => {
  const { started, nets } = await pair();
  const listener = nets[1].listen({ port: 0 });
  const { port } = listener.addr;
  const waiting = await started.until(nets[0].connect({ hostname: "two", port }));
  listener.close();
  const reading = started.until(waiting.read(new Uint8Array(1)));
  await assertRejects(() => reading, errors.ConnectionReset);
});

Deno.test("SimConnection.write() waits while the peer does not read", async () => {
  const { started, client, server } = await pair();
  const block = new Uint8Array(200 * 1024);
  await client.write(block);
  const blocked = client.write(block);
  const watch = watched(blocked);
  await started.pass(10_000);
  assertEquals(watch.state, "pending");
  for (let read = 0; read < block.length;) {
    read += (await started.until(server.read(new Uint8Array(block))))!;
  }
  assertEquals(await started.until(blocked), block.length);
});

Deno.test("SimConnection.close() rejects pending reads and writes on its own side", async () => {
  const { started, client } = await pair();
  const block = new Uint8Array(400 * 1024);
  const watches = [client.read(new Uint8Array(1)), client.write(block)].map(watched);
  client.close();
  await started.pass(0);
  assertEquals(watches.map(({ state }) => state), ["Interrupted", "Interrupted"]);
  await assertRejects(() => client.read(new Uint8Array(1)), errors.BadResource);
  await assertRejects(() => client.write(block), errors.BadResource);
  assertThrows(() => client.close(), errors.BadResource);
});

Deno.test("SimConnection.write() fails after the peer has closed", async () => {
  const { started, client, server } = await pair();
  server.close();
  assertEquals(await started.until(client.read(new Uint8Array(1))), null);
  assertEquals(await client.write(bytesOf("x")), 1);
  await started.pass(1_000);
  await assertRejects(() => client.write(bytesOf("x")), errors.BrokenPipe);
});

Deno.test("SimConnection.close() resets the peer if received bytes are unread", async () => {
  const { started, client, server } = await pair();
  await client.write(bytesOf("in vain"));
  await started.pass(1_000);
  server.close();
  const reading = started.until(client.read(new Uint8Array(1)));
  await assertRejects(() => reading, errors.ConnectionReset);
});

Deno.test("SimNet.faults can drop whole chunks", async () => {
  const made = await pair();
  made.started.net.faults.chance.drop = 0.3;
  const text = await sent(lines(100), made);
  const left = text.split("\n").slice(0, -1).map(Number);
  assertEquals(left, left.toSorted((a, b) => a - b));
  assertEquals(left.length, 100 - made.started.net.faults.happened.drop);
  assert(left.length > 50 && left.length < 90);
});

Deno.test("SimNet.faults can duplicate whole chunks", async () => {
  const made = await pair();
  made.started.net.faults.chance.duplicate = 0.3;
  const text = await sent(lines(100), made);
  const left = text.split("\n").slice(0, -1).map(Number);
  assertEquals(new Set(left).size, 100);
  assertEquals(left.length, 100 + made.started.net.faults.happened.duplicate);
  assertGreater(left.length, 110);
});

Deno.test("SimNet.faults can swap adjacent chunks without loss", async () => {
  const made = await pair();
  made.started.net.faults.chance.swap = 0.3;
  const text = await sent(lines(100), made);
  const left = text.split("\n").slice(0, -1).map(Number);
  assertEquals(left.toSorted((a, b) => a - b), lines(100).map(Number));
  assertGreater(left.filter((number, at) => number < (left[at - 1] ?? 0)).length, 10);
});

Deno.test("SimNet.faults do not hold back the last chunk for ever", async () => {
  const { started, client, server } = await pair();
  started.net.faults.chance.swap = 1;
  await client.write(bytesOf("alone"));
  assertEquals(await started.until(server.read(new Uint8Array(5))) !== null, true);
});

Deno.test("SimNet.faults can delay a chunk and all chunks after it", async () => {
  const { started, client, server } = await pair();
  const { chance } = started.net.faults;
  const before = started.timeline.now;
  chance.delay = 1;
  await client.write(bytesOf("slow"));
  chance.delay = 0;
  await client.write(bytesOf("fast"));
  client.close();
  assertEquals(await started.until(readAll(server)), "slowfast");
  assertGreater(started.timeline.now - before, 1_000);
});

Deno.test("SimNet.faults can reset a connection on both sides", async () => {
  const { started, client, server } = await pair();
  started.net.faults.chance.reset = 1;
  const watches = [client.write(bytesOf("x")), client.read(new Uint8Array(1))].map(watched);
  const reading = started.until(server.read(new Uint8Array(1)));
  await assertRejects(() => reading, errors.ConnectionReset);
  await started.pass(1_000);
  assertEquals(watches[1].state, "ConnectionReset");
});

Deno.test("SimNet.reset() resets the connections between two hosts", async () => {
  const { started, client, server } = await pair();
  started.net.reset("one", "two");
  for (const side of [client, server]) {
    const reading = started.until(side.read(new Uint8Array(1)));
    await assertRejects(() => reading, errors.ConnectionReset);
  }
});

Deno.test("SimNet.partition() blocks both directions until heal()", async () => {
  const { started, client, server, nets } = await pair();
  started.net.partition("two", "one");
  for (const side of [client, server]) await side.write(bytesOf("late"));
  const waiting = [client, server].map((side) => side.read(new Uint8Array(1)));
  const connecting = nets[0].connect({ hostname: "two", port: PORT });
  const watches = [...waiting, connecting].map(watched);
  await started.pass(30_000);
  assertEquals(watches.map(({ state }) => state), ["pending", "pending", "pending"]);
  started.net.heal("one", "two");
  assertEquals(await started.until(Promise.all(waiting)), [1, 1]);
  await started.until(connecting);
});

Deno.test("SimNet.partition() can block one direction only", async () => {
  const { started, client, server, nets } = await pair();
  started.net.partition("one", "two", { oneWay: true });
  nets[0].listen({ port: PORT });
  const connecting = [0, 1].map((from) =>
    watched(nets[from].connect({ hostname: ["two", "one"][from], port: PORT }))
  );
  for (const side of [client, server]) await side.write(bytesOf("x"));
  assertEquals(await started.until(client.read(new Uint8Array(1))), 1);
  const watch = watched(server.read(new Uint8Array(1)));
  await started.pass(30_000);
  assertEquals([watch, ...connecting].map(({ state }) => state), Array(3).fill("pending"));
  started.net.heal();
  await started.pass(2_000);
  assertEquals(watch.state, "1");
  assert(connecting.every(({ state }) => state !== "pending"));
});

Deno.test("SimNet.kill() closes the connections and listeners of a process", async () => {
  const ends = new Set<string>();
  for (let seed = 0; seed < 20; seed++) {
    const { started, client, nets, machines } = await pair(seed);
    machines[1].kill();
    const watch = watched(client.read(new Uint8Array(1)));
    await started.pass(1_000);
    ends.add(watch.state);
    const connecting = started.until(nets[0].connect({ hostname: "two", port: PORT }));
    await assertRejects(() => connecting, errors.ConnectionRefused);
  }
  assertEquals(ends, new Set(["null", "ConnectionReset"]));
});

Deno.test("SimNet.kill() is noticed across a partition only after heal()", async () => {
  const { started, client, machines } = await pair();
  started.net.partition("one", "two");
  machines[1].kill();
  const watch = watched(client.read(new Uint8Array(1)));
  await started.pass(30_000);
  assertEquals(watch.state, "pending");
  started.net.heal();
  await started.pass(2_000);
  assert(watch.state !== "pending");
});

Deno.test("SimNet.cutPower() is noticed only by sending to the rebooted host", async () => {
  const { started, client, machines } = await pair();
  machines[1].cutPower();
  const watch = watched(client.read(new Uint8Array(1)));
  await started.pass(30_000);
  machines[1].boot();
  await started.pass(30_000);
  assertEquals(watch.state, "pending");
  await client.write(bytesOf("anyone?"));
  await started.pass(2_000);
  assertEquals(watch.state, "ConnectionReset");
});

Deno.test("SimNet.cutPower() loses the data that a partition held back", async () => {
  for (let seed = 0; seed < 10; seed++) {
    const { started, client, server, machines } = await pair(seed);
    started.net.partition("one", "two");
    await server.write(bytesOf("never"));
    await started.pass(1_000);
    machines[1].cutPower();
    started.net.heal();
    const watch = watched(client.read(new Uint8Array(1)));
    await started.pass(30_000);
    assertEquals(watch.state, "pending");
  }
});
