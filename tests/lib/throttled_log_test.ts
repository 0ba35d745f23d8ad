import { assertEquals } from "@std/assert";
import { ThrottledLog } from "../../lib/throttled_log.ts";
import { recordLog } from "../harness/recorded_log.ts";

Deno.test("ThrottledLog.warn() logs once a second, with the number of warnings since the last line", () => {
  const clock = { ms: 0, now: () => clock.ms };
  const { log, logged } = recordLog();
  const throttled = new ThrottledLog(log, "auth_failure", clock);
  for (let n = 0; n < 1_000; n++) throttled.warn({ peer: `127.0.${n >> 8}.${n & 255}` });
  clock.ms = 999;
  throttled.warn({ peer: "127.1.0.1" });
  clock.ms = 1_000;
  throttled.warn({ peer: "127.1.0.2" });
  assertEquals(logged.map(({ event, fields }) => [event, fields]), [
    ["auth_failure", { peer: "127.0.0.0", times: 1 }],
    ["auth_failure", { peer: "127.1.0.2", times: 1_001 }],
  ]);
});
