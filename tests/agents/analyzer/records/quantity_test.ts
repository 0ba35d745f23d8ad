import { assertEquals } from "@std/assert";
import { isUnit, parseQuantity } from "../../../../agents/analyzer/records/quantity.ts";

Deno.test("parseQuantity() converts times to ms and sizes to bytes", () => {
  assertEquals(parseQuantity("35ms"), { value: 35, unit: "ms" });
  assertEquals(parseQuantity("1.5s"), { value: 1500, unit: "ms" });
  assertEquals(parseQuantity("250µs"), { value: 0.25, unit: "ms" });
  assertEquals(parseQuantity("-2KiB"), { value: -2048, unit: "bytes" });
  assertEquals(parseQuantity("93%"), { value: 93, unit: "percent" });
});

Deno.test("parseQuantity() reads nothing without a number or a known unit", () => {
  for (const text of ["35", "ms", "35 ms", "35mm", "1.ms", "3seconds!", ""]) {
    assertEquals(parseQuantity(text), undefined, text);
  }
});

Deno.test("isUnit() knows units in any case", () => {
  assertEquals(["MS", "kB", "%", "km", ""].map(isUnit), [true, true, true, false, false]);
});
