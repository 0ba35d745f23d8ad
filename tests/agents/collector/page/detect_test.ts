import { assert, assertEquals } from "@std/assert";
import { detect } from "../../../../agents/collector/page/detect.ts";

const look = (path: string, text: string, whole = true) =>
  detect(path, new TextEncoder().encode(text), whole);

Deno.test("detect() returns the layout of a source", () => {
  const table: [path: string, text: string, layout: string][] = [
    ["a.log", "2026-11-02 10:00:00 INFO up\n", "lines"],
    ["a.log", "[2026-11-02 10:00:00] INFO up\n", "lines"],
    ["a.log", "[1] one\n[2] two\n", "lines"],
    ["a.log", "{not json}\n", "lines"],
    ["a.txt", "Hello world,foo bar\nBye now,bar\nSo long,baz\n", "lines"],
    ["a.log", "10:00:00,app,up\n10:00:01,app,up\n10:00:02,app,down\n", "lines"],
    ["a.csv", "1,2,3\n4,5,6\n", "lines"],
    ["a.csv", "id,id\n1,2\n", "lines"],
    ["a.csv", "Order id,Total (EUR)\n1,2\n3\n", "csv"],
    ["a.csv", '"first name","last, name"\n"x\ny",z\n', "csv"],
    ["a.csv", "id\n1\n", "csv"],
    ["orders.csv.1.gz", "id,sum\n", "csv"],
    ["a.txt", "id,sum\n1,2\n3,4\n", "csv"],
    ["a.txt", "id,sum\n1,2\n3,4,5\n", "lines"],
    ["a.txt", "id,sum\n,2\n3,\n", "csv"],
    ["a.tsv", "id\tname\n1\tone\n", "tsv"],
    ["a.txt", "id\tname\n1\ta, b\n2\tc\n", "tsv"],
    ["a.txt", "id;name\n1;one\n2;two\n", "lines"],
    ["a.log", '{"a":1}\n{"a":2}\n', "ndjson"],
    ["a.log", '{"a":1}\n{"a":2}\noops\n', "ndjson"],
    ["a.json", '{"a":1}', "ndjson"],
    ["a.json", '{\n "a": 1\n}\n', "json"],
    ["a.json", '[{"a":1},{"a":2}]', "json"],
    ["a.json", '[\n{"a":"]"}\n]', "json"],
    ["a.json", '{\n "a": 1\n} ,\r\n]\t', "json"],
    ["a.json", "[1,2]", "lines"],
    ["a.json", '[{"a":1', "lines"],
    ["a.log", "", "lines"],
  ];
  for (const [path, text, layout] of table) assertEquals(look(path, text).layout, layout, text);
});

Deno.test("detect() decides on a beginning in which the first record does not end", () => {
  assertEquals(look("a.jsonl", '{"a":"xxxx', false).layout, "ndjson");
  assertEquals(look("a.json", '[ {"a":"xxxx', false).layout, "json");
  assertEquals(look("a.log", "xxxx", false).layout, "lines");
  assertEquals(look("a.csv", "id,na", false).layout, "lines");
});

Deno.test("detect() returns where the first record begins", () => {
  assertEquals(look("a.log", "\ufeffx\n"), { layout: "lines", skip: 3, line: 1 });
  assertEquals(look("a.json", "\ufeff[\n\n  {}]"), { layout: "json", skip: 8, line: 3 });
  assertEquals(look("a.csv", '\ufeffid,"na me"\r\n1,2'), {
    layout: "csv",
    columns: ["id", "na me"],
    skip: 15,
    line: 2,
  });
});

Deno.test("detect() takes no longer for blanks than for letters", () => {
  const msOf = (filling: string): number => {
    const document = new TextEncoder().encode(`{\n"a":${filling}1\n}`);
    return Math.min(...Array.from({ length: 5 }, () => {
      const begun = performance.now();
      detect("a.json", document, true);
      return performance.now() - begun;
    }));
  };
  const letters = msOf(`"${"x".repeat(60_000)}",\n"b":`);
  const blanks = msOf(" ".repeat(60_000));
  assert(blanks <= 20 * letters, `${blanks} ms, and ${letters} ms over letters`);
});
