import { assertEquals } from "@std/assert";
import { Process } from "./process.ts";
import { Timeline } from "./timeline.ts";

Deno.test("Process.resume() fires overdue timers before it settles calls", async () => {
  const timeline = new Timeline();
  const process = new Process(timeline);
  const seen: string[] = [];
  process.after(5, () => seen.push("timer"));
  timeline.after(1, () => process.pause());
  timeline.after(10, () => process.resume());
  process.call(10, 0.5, () => seen.push("effect")).then(() => seen.push("done"));
  await timeline.run(() => seen.length === 3, 100);
  assertEquals(seen, ["effect", "timer", "done"]);
  assertEquals(timeline.now, 10);
});

Deno.test("Process.end() cancels timers and pending calls", async () => {
  const timeline = new Timeline();
  const process = new Process(timeline);
  const seen: string[] = [];
  process.after(5, () => seen.push("timer"));
  process.call(10, 0.5, () => seen.push("effect"));
  process.settle(() => process.end());
  process.settle(() => seen.push("done"));
  let over = false;
  timeline.after(20, () => over = true);
  await timeline.run(() => over, 100);
  assertEquals(seen, []);
});
