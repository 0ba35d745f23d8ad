import { assertEquals } from "@std/assert";
import { fit } from "../../../orchestrator/dashboard/fit.ts";

Deno.test("fit() fills a line but leaves the last column free", () => {
  assertEquals([fit("abcdef", 5), fit("日本語", 5), fit("日本語", 6)], ["abcd", "日本", "日本"]);
});
