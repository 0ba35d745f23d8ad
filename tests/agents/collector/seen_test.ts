import { assertEquals } from "@std/assert";
import { recallSeen, recordSeen, SEEN_MAX } from "../../../agents/collector/seen.ts";
import { MapDraft } from "./desk.ts";

Deno.test("recordSeen() forgets the files that were collected longest ago", async () => {
  const memory = new MapDraft();
  const seen = { offset: 1, line: 1, modified: 0, digest: "" };
  for (let at = 0; at < SEEN_MAX; at++) {
    memory.set(`file/${at}.log`, { ...seen, collected_at: SEEN_MAX - at });
  }
  memory.set("other", 1);
  await recordSeen(memory, "7.log", { ...seen, collected_at: SEEN_MAX + 1 });
  assertEquals(memory.map.size, SEEN_MAX + 1, "a known file needs no room");
  await recordSeen(memory, "new.log", { ...seen, collected_at: SEEN_MAX + 1 });
  assertEquals((await memory.keys("file/")).length, SEEN_MAX - 1000 + 1);
  assertEquals(await recallSeen(memory, `${SEEN_MAX - 1}.log`), undefined);
  assertEquals(await recallSeen(memory, "8.log"), { ...seen, collected_at: SEEN_MAX - 8 });
  assertEquals(await memory.get("other"), 1);
});
