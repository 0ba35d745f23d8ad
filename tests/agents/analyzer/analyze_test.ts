import { assert, assertEquals } from "@std/assert";
import { analyze } from "../../../agents/analyzer/analyze.ts";
import { PARTIAL_BYTES_MAX } from "../../../agents/analyzer/bounds.ts";
import { type Page, PAGE_BYTES, Partial } from "../../../agents/shapes.ts";
import { pageOf } from "./page_of.ts";
import { quickestMs } from "./quickest_ms.ts";

function texts({ templates }: Partial): [string, number][] {
  return templates.map(({ text, count }) => [text, count]);
}

Deno.test("analyze() counts records, levels, time and templates of a log", () => {
  const partial = analyze(pageOf([
    "2024-05-01 10:00:00 INFO request 17 took 35ms",
    "2024-05-01 10:00:01 INFO request 18 took 40ms",
    "2024-05-01 10:00:01 ERROR cannot reach db1.example.com:5432",
  ].join("\n")));
  assertEquals(partial.records, 3);
  assertEquals(partial.levels, { error: 1, info: 2 });
  const start = Date.UTC(2024, 4, 1, 10);
  assertEquals(partial.timeline, {
    step_ms: 1000,
    points: [[start, 1, 0], [start + 1000, 2, 1]],
  });
  assertEquals(texts(partial), [["request <*> took <*>", 2], ["cannot reach <*>", 1]]);
  assertEquals(partial.templates[0].first_at, start);
  assertEquals(partial.templates[0].last_at, start + 1000);
  assertEquals(partial.fields.map(({ name, count, sum }) => [name, count, sum]), [[
    "took_ms",
    2,
    75,
  ]]);
  assertEquals(partial.words, []);
});

Deno.test("analyze() reads CSV with quotes, line ends in fields and unequal rows", () => {
  const partial = analyze(pageOf(
    '1,2024-05-01T10:00:00Z,"Doe, ""J""",2.5\r\n2,2024-05-01T10:00:01Z,"two\nlines",3.5\r\n3,,x\r\n',
    { format: "csv", columns: ["id", "time", "name", "price"] },
  ));
  assertEquals(partial.records, 3);
  assertEquals(partial.fields.map(({ name, sum, min, max }) => [name, sum, min, max]), [
    ["price", 6, 2.5, 3.5],
  ]);
  assertEquals(partial.values, [{
    name: "name",
    count: 3,
    top: [['Doe, "J"', 1], ["two lines".replace(" ", "\n"), 1], ["x", 1]],
    more: false,
  }]);
  assertEquals(partial.timeline?.points.length, 2);
  assertEquals(partial.templates, []);
});

Deno.test("analyze() reads TSV, in which quotes mean nothing, and finds level and message", () => {
  const partial = analyze(pageOf('warn\t"a\tdisk 3 full\nINFO\tb"\tdisk 40 full\n', {
    format: "tsv",
    columns: ["level", "host", "message"],
  }));
  assertEquals(partial.levels, { warn: 1, info: 1 });
  assertEquals(texts(partial), [["disk <*> full", 2]]);
  assertEquals(partial.values[0].top, [['"a', 1], ['b"', 1]]);
});

Deno.test("analyze() flattens JSON lines and knows common keys", () => {
  const partial = analyze(pageOf(
    [
      {
        time: 1714557600000,
        level: 50,
        msg: "call 1 failed",
        http: { status: 500, ms: 12.5 },
        ok: false,
      },
      {
        time: "2024-05-01T10:00:01Z",
        level: "INFO",
        message: "call 2 failed",
        http: { status: 200 },
      },
      { a: { b: { c: { d: 1, e: { f: 2 } } } }, list: [1, 2], none: null },
    ].map((record) => JSON.stringify(record)).join("\n") + "\nno json\n",
    { format: "ndjson" },
  ));
  assertEquals(partial.records, 4);
  assertEquals(partial.levels, { error: 1, info: 1, none: 2 });
  assertEquals(texts(partial), [["call <*> failed", 2], ["no json", 1]]);
  assertEquals(partial.fields.map(({ name }) => name), ["a.b.c.d", "http.ms"]);
  assertEquals(partial.values.map(({ name, top }) => [name, top]), [
    ["http.status", [["200", 1], ["500", 1]]],
    ["ok", [["false", 1]]],
  ]);
  assertEquals(partial.timeline?.points.length, 2);
});

Deno.test("analyze() counts words instead of templates in prose", () => {
  const partial = analyze(pageOf([
    "The lighthouse stood at the end of a long pier.",
    "Every evening the keeper climbed the stairs of the lighthouse.",
    "Nobody in town remembered who had built it.",
  ].join("\n")));
  assertEquals(partial.templates, []);
  assertEquals(partial.words[0], ["lighthouse", 2]);
});

Deno.test("analyze() leaves out row numbers and the values of identifiers", () => {
  const rows = Array.from({ length: 100 }, (_, n) => `${n + 1},k${n * 7919},${n % 3}`);
  const partial = analyze(pageOf(rows.join("\n"), {
    format: "csv",
    columns: ["row", "key", "kind"],
  }));
  assertEquals(partial.fields.map(({ name }) => name), ["kind"]);
  assertEquals(partial.values, [{ name: "key", count: 100, top: [], more: true }]);
});

Deno.test("analyze() takes names such as __proto__ for plain names", () => {
  const text = '{"__proto__":1,"constructor":"x","toString":2}\n'.repeat(3);
  const partial = Partial.parse(analyze(pageOf(text, { format: "ndjson" })));
  assertEquals(partial.fields.map(({ name, sum }) => [name, sum]), [["__proto__", 3], [
    "toString",
    6,
  ]]);
  assertEquals(partial.values.map(({ name }) => name), ["constructor"]);
});

Deno.test("analyze() accepts empty text in every format", () => {
  for (const format of ["lines", "csv", "tsv", "ndjson"] as const) {
    const partial = Partial.parse(analyze(pageOf("", { format })));
    assertEquals([partial.records, partial.timeline, partial.templates.length], [0, null, 0]);
  }
});

/** Lines as `lineAt` makes them, enough to fill a page. */
function linesOf(lineAt: (n: number) => string): string {
  const lines: string[] = [];
  for (let bytes = 0, n = 0; bytes < PAGE_BYTES; n++) {
    lines.push(lineAt(n));
    bytes += lines[n].length + 1;
  }
  return lines.join("\n");
}

/** Pages of the largest size, made to take as much time or room as possible. */
function hostilePages(): [string, Page][] {
  const fill = (piece: string) => piece.repeat(Math.floor(PAGE_BYTES / piece.length));
  const name = (n: number) => n.toString(36).replace(/\d/g, (digit) => "ghijklmnop"[Number(digit)]);
  const long = "\u0001\u20ac".repeat(30);
  return [
    ["one character", pageOf(fill("a"))],
    ["one digit", pageOf(fill("1"))],
    ["spaces", pageOf(fill(" "))],
    ["line feeds", pageOf(fill("\n"))],
    ["brackets", pageOf(fill("["))],
    ["equals", pageOf(fill("a="))],
    ["short lines", pageOf(fill("a\n"))],
    ["all different", pageOf(linesOf((n) => `ev${name(n)} ${name(n * 31)} x${long}`))],
    [
      "one word different",
      pageOf(linesOf((n) => `2024-05-01 10:00:00 INFO hello ${name(n)} there`)),
    ],
    ["deep templates", pageOf(linesOf((n) => `go ${`${name(n)} `.repeat(60)}`))],
    ["pairs", pageOf(linesOf((n) => `k${name(n)}=${n} w${name(n)}=v${name(n)} `.repeat(20)))],
    ["commas", pageOf(fill(","), { format: "csv" })],
    ["quotes", pageOf(fill('"'), { format: "csv" })],
    [
      "fields",
      pageOf(linesOf((n) => `${n * n},${name(n)}`.repeat(1) + `,${long}`.repeat(9)), {
        format: "csv",
        columns: Array.from({ length: 11 }, (_, n) => `${n}${long}`.slice(0, 64)),
      }),
    ],
    [
      "wide numbers",
      pageOf(
        linesOf((n) =>
          Array.from({ length: 60 }, (_, k) => (k % 2 ? -1 : 1) * 1.03 ** (n % 2000) * 1.5).join(
            "\t",
          )
        ),
        {
          format: "tsv",
          columns: Array.from({ length: 60 }, (_, n) => `field ${n}`),
        },
      ),
    ],
    [
      "keys",
      pageOf(
        linesOf((n) =>
          `{"${name(n)}${"\u20ac".repeat(20)}":${n},"z${name(n)}":"${long.slice(1, 2).repeat(70)}${
            name(n)
          }"}`
        ),
        { format: "ndjson" },
      ),
    ],
    ["open arrays", pageOf(fill("["), { format: "ndjson" })],
    ...["{\n", "{x}\n", '"\n', "x\n", "1\n"].map((piece): [string, Page] => [
      `${JSON.stringify(piece)} as JSON lines`,
      pageOf(fill(piece), { format: "ndjson" }),
    ]),
    ["digits", pageOf(fill("1\n"))],
    ["times", pageOf(linesOf((n) => `${new Date(n * 1e9).toISOString()} ${n}`))],
  ];
}

Deno.test("analyze() stays within the bytes of a partial and takes little longer, whatever the page", () => {
  const part = 16;
  const lines = linesOf((n) => `2024-05-01 10:00:00 INFO request ${n} took ${n % 90}ms`);
  const small = pageOf(lines.slice(0, lines.length / part));
  const [smallMs] = quickestMs(2, () => {
    for (let n = 0; n < part; n++) analyze(small);
  });
  // Four times is the most that was seen; quadratic work takes a thousand times.
  const msMax = 20 * smallMs;
  for (const [label, page] of hostilePages()) {
    let partial: unknown;
    const work = (): void => void (partial = analyze(page));
    const [ms] = quickestMs(1, work);
    const bytes = new TextEncoder().encode(JSON.stringify(Partial.parse(partial))).length;
    assert(bytes < PARTIAL_BYTES_MAX, `${label}: ${bytes} bytes`);
    // Once more, since the machine may just have been busy.
    const isQuick = ms <= msMax || quickestMs(1, work)[0] <= msMax;
    assert(isQuick, `${label}: slower than 20 times ${smallMs} ms`);
  }
});
