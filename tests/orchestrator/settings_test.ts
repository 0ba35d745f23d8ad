import { assertEquals, assertThrows } from "@std/assert";
import { ExitError } from "../../lib/exit.ts";
import { parseSettings } from "../../lib/process/settings.ts";
import { SERVE } from "../../orchestrator/settings.ts";

Deno.test("SERVE listens on loopback and finds each agent on its own port by default", () => {
  const { host, port, collector, analyzer, reporter, ...rest } = parseSettings(SERVE, []).values;
  assertEquals([host, port], ["127.0.0.1", 7100]);
  const agents = [collector, analyzer, reporter];
  assertEquals(agents, [7101, 7102, 7103].map((port) => [{ hostname: "127.0.0.1", port }]));
  const { concurrency, queue, watch } = rest;
  assertEquals([concurrency, queue, rest["max-wait"], watch], [16, 10_000, 60, 2]);
});

Deno.test("SERVE takes several addresses of an agent, and 0 for no watch", () => {
  const args = ["--analyzer", "a:1,b:2", "--watch", "0", "--limits", "in_flight=3"];
  const { analyzer, watch, limits } = parseSettings(SERVE, args).values;
  assertEquals(analyzer, [{ hostname: "a", port: 1 }, { hostname: "b", port: 2 }]);
  assertEquals([watch, limits], [0, { in_flight: 3 }]);
});

Deno.test("SERVE rejects values out of bounds and names the flag", () => {
  const bad = [
    ["--port", "65536"],
    ["--concurrency", "0"],
    ["--queue", "0"],
    ["--max-wait", "0"],
    ["--watch", "3601"],
    ["--collector", "nowhere"],
    ["--name", ""],
  ];
  for (const [flag, value] of bad) {
    const error = assertThrows(() => parseSettings(SERVE, [flag, value]), ExitError);
    assertEquals(error.message.startsWith(`Cannot take "${value}" for ${flag}: `), true, flag);
  }
});
