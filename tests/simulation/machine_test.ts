import { assert, assertEquals, assertThrows } from "@std/assert";
import type { System } from "../../lib/system.ts";
import { bytesOf, Started, textOf, watched } from "./started.ts";

const PORT = 7100;

Deno.test("Machine.boot() returns a clock that runs on virtual time", async () => {
  const started = new Started(1, "one");
  const [{ clock }] = started.systems;
  const [now, date] = [clock.now(), clock.date().getTime()];
  const seen: string[] = [];
  clock.after(20, () => seen.push("after 20"));
  const end = clock.every(8, () => seen.push("every 8"));
  clock.after(30, end);
  await started.pass(100);
  assertEquals(seen, ["every 8", "every 8", "after 20", "every 8"]);
  assertEquals(Math.round(clock.now() - now), 100);
  assertEquals(clock.date().getTime() - date, 100);
});

Deno.test("Machine.boot() returns timers that can be cancelled, even by their own callback", async () => {
  const started = new Started(1, "one");
  const [{ clock }] = started.systems;
  let calls = 0;
  const end = clock.every(5, () => {
    calls++;
    end();
  });
  clock.after(5, () => calls++)();
  await started.pass(100);
  assertEquals(calls, 1);
});

Deno.test("Machine.shiftDate() changes the date but not the monotonic clock", () => {
  const started = new Started(1, "one");
  const [{ clock }] = started.systems;
  const [now, date] = [clock.now(), clock.date().getTime()];
  started.machines[0].shiftDate(-3_600_000);
  assertEquals([clock.now(), clock.date().getTime()], [now, date - 3_600_000]);
});

Deno.test("Machine.boot() throws while a process runs", () => {
  const { machines: [machine] } = new Started(1, "one");
  assertThrows(() => machine.boot(), TypeError, 'runs on "one" already');
  machine.kill();
  assertEquals(machine.up, false);
  machine.boot();
  assertEquals(machine.up, true);
});

Deno.test("Machine.boot() restarts the monotonic clock", async () => {
  const started = new Started(1, "one");
  const { machines: [machine], systems: [{ clock }] } = started;
  await started.pass(5_000);
  assert(clock.now() > 5_000);
  machine.kill();
  assert(machine.boot().clock.now() < 1_000);
});

Deno.test("Machine.kill() leaves all calls of the process pending for ever", async () => {
  for (const end of ["kill", "cutPower"] as const) {
    const started = new Started(1, "one", "two");
    const { clock, disk, net } = started.systems[0];
    const listener = started.systems[1].net.listen({ port: PORT });
    const [connection, peer] = await started.until(
      Promise.all([net.connect({ hostname: "two", port: PORT }), listener.accept()]),
    );
    const own = net.listen({ port: PORT });
    const file = await started.until(disk.open("file", { write: true, create: true }));
    let fired = false;
    clock.after(10, () => fired = true);
    clock.every(10, () => fired = true);
    const ask = (): Promise<unknown>[] => [
      file.write(new Uint8Array(9)),
      file.sync(),
      disk.open("file"),
      disk.lstat("nothing"),
      Array.fromAsync(disk.readDir("nothing")),
      connection.read(new Uint8Array(9)),
      connection.write(new Uint8Array(400 * 1024)),
      own.accept(),
      net.connect({ hostname: "two", port: 1 }),
    ];
    const before = ask().map(watched);
    started.machines[0][end]();
    const after = ask().map(watched);
    clock.after(10, () => fired = true);
    file.close();
    connection.close();
    own.close();
    assertThrows(() => net.listen({ port: 1 }));
    await started.pass(30_000);
    peer.close();
    await started.pass(30_000);
    assertEquals([...before, ...after].filter(({ state }) => state !== "pending"), []);
    assertEquals(fired, false);
  }
});

Deno.test("Machine.pause() delays timers and I/O, and resume() fires timers first", async () => {
  const started = new Started(1, "one");
  const [machine] = started.machines;
  const [{ clock, disk }] = started.systems;
  const seen: string[] = [];
  disk.mkdir("folder", { recursive: true }).then(() => seen.push("mkdir"));
  clock.after(20, () => {
    seen.push("after 20");
    Promise.resolve().then(() => seen.push("and what follows"));
  });
  clock.after(10, () => seen.push("after 10"));
  clock.after(30, () => seen.push("never"))();
  clock.after(2_000, () => seen.push("after 2000"));
  machine.pause();
  await started.pass(1_000);
  assertEquals([seen, machine.paused], [[], true]);
  machine.resume();
  await started.pass(500);
  assertEquals(seen, ["after 10", "after 20", "and what follows", "mkdir"]);
  await started.pass(500);
  assertEquals(seen.at(-1), "after 2000");
});

Deno.test("Machine.pause() works again before overdue timers have fired", async () => {
  const started = new Started(1, "one");
  const [machine] = started.machines;
  const [{ clock }] = started.systems;
  const seen: number[] = [];
  for (const ms of [1, 2, 3]) {
    clock.after(ms, () => {
      seen.push(ms);
      if (ms === 2) machine.pause();
    });
  }
  machine.pause();
  await started.pass(10);
  machine.resume();
  await started.pass(10);
  assertEquals(seen, [1, 2]);
  machine.resume();
  await started.pass(10);
  assertEquals(seen, [1, 2, 3]);
});

Deno.test("Machine.pause() lets other machines connect", async () => {
  const started = new Started(1, "one", "two");
  const [one, two] = started.systems;
  const accepting = two.net.listen({ port: PORT }).accept();
  const watch = watched(accepting);
  started.machines[1].pause();
  const connection = await started.until(one.net.connect({ hostname: "two", port: PORT }));
  await connection.write(bytesOf("x"));
  await started.pass(1_000);
  assertEquals(watch.state, "pending");
  started.machines[1].resume();
  const peer = await started.until(accepting);
  assertEquals(await started.until(peer.read(new Uint8Array(9))), 1);
});

Deno.test("Machine.cutPower() loses the page cache even after the process was killed", async () => {
  let lost = 0;
  for (let seed = 0; seed < 20; seed++) {
    const started = new Started(seed, "one");
    const [machine] = started.machines;
    const { disk } = started.systems[0];
    const file = await started.until(disk.open("file", { write: true, create: true }));
    await started.until(file.write(bytesOf("x")));
    machine.kill();
    machine.cutPower();
    if (textOf(machine.disk.content("file")) !== "x") lost++;
  }
  assert(lost > 0 && lost < 20);
});

/** Serves a counter: appends received bytes to a file and echoes them after the sync. */
async function serveCount({ disk, net }: System): Promise<void> {
  await disk.mkdir("memory", { recursive: true });
  const file = await disk.open("memory/count", { create: true, append: true });
  using folder = await disk.open("memory");
  await folder.sync();
  for (const listener = net.listen({ port: PORT });;) {
    const connection = await listener.accept();
    const into = new Uint8Array(16);
    (async () => {
      for (let read; (read = await connection.read(into)) !== null;) {
        for (let rest = read; rest > 0;) rest -= await file.write(into.subarray(0, rest));
        await file.syncData();
        await connection.write(into.subarray(0, read));
      }
      connection.close();
    })().catch(() => connection.close());
  }
}

/** Sends requests without end and reports the bytes of each reply. */
async function sendRequests(
  { clock, net }: System,
  onReply: (bytes: number) => void,
): Promise<void> {
  while (true) {
    const abort = new AbortController();
    const stop = clock.after(1_000, () => abort.abort(new Error("No reply")));
    try {
      const connection = await net.connect({ hostname: "two", port: PORT, signal: abort.signal });
      stop();
      for (let read: number | null = 1; read !== null; onReply(read ?? 0)) {
        const giveUp = clock.after(2_000, () => connection.close());
        await connection.write(bytesOf("+"));
        read = await connection.read(new Uint8Array(16));
        giveUp();
      }
    } catch {
      await new Promise<void>((resolve) => void clock.after(100, resolve)); // then connects again
    }
  }
}

async function countOn(seed: number, unfaithful = false) {
  const started = new Started(seed, "one", "two");
  const { machines: [, machine], systems, timeline, net } = started;
  let answered = 0;
  let lost = 0;
  let end = serveCount(systems[1]);
  sendRequests(systems[0], (bytes) => answered += bytes);
  machine.disk.unfaithful = unfaithful;
  net.faults.chance.reset = 0.01;
  for (let round = 0; round < 10; round++) {
    await started.pass(3_000 * systems[0].random());
    if (round % 2 === 0) machine.kill();
    else machine.cutPower();
    lost = Math.max(lost, answered - (machine.disk.content("memory/count")?.length ?? 0));
    await started.pass(1_000 * systems[0].random());
    end = serveCount(machine.boot());
  }
  assertEquals(watched(end).state, "pending");
  return { answered, lost, events: timeline.events, digest: timeline.digest, now: timeline.now };
}

Deno.test("Machine.boot() returns a System that keeps acknowledged data over 10 crashes", async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const { answered, lost } = await countOn(seed);
    assert(answered > 100, `Only ${answered} answers`);
    assertEquals(lost, 0);
  }
});

Deno.test("Machine.boot() returns a System that loses data if syncs do nothing", async () => {
  const { lost } = await countOn(1, true);
  assert(lost > 0);
});

Deno.test("Machine.boot() repeats a run with the same seed, and only with the same", async () => {
  const first = await countOn(7);
  assertEquals(await countOn(7), first);
  assert((await countOn(8)).digest !== first.digest);
});
