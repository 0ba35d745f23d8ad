import { assertEquals } from "@std/assert";
import { table } from "../../../../agents/reporter/markdown/table.ts";

Deno.test("table() pads cells to the width of their column, numbers on the left", () => {
  const columns = [{ title: "level" }, { title: "n", right: true as const }];
  assertEquals(table(columns, [["warn", "1,200"], ["information", "7"]]).split("\n"), [
    "| level       |     n |",
    "| ----------- | ----: |",
    "| warn        | 1,200 |",
    "| information |     7 |",
  ]);
});

Deno.test("table() counts wide characters as two columns", () => {
  assertEquals(
    table([{ title: "name" }, { title: "b" }], [["漢字", "x"], ["ab", "y"]]).split("\n"),
    [
      "| name | b   |",
      "| ---- | --- |",
      "| 漢字 | x   |",
      "| ab   | y   |",
    ],
  );
});

Deno.test("table() leaves a ragged column unpadded", () => {
  const columns = [{ title: "a" }, { title: "text", ragged: true as const }];
  assertEquals(table(columns, [["x", "a long text"], ["y", "b"]]).split("\n"), [
    "| a   | text |",
    "| --- | --- |",
    "| x   | a long text |",
    "| y   | b |",
  ]);
});
