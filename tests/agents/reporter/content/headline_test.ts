import { assertEquals } from "@std/assert";
import { writeHeadline } from "../../../../agents/reporter/content/headline.ts";
import { analysis } from "../sample.ts";

Deno.test("headline() of a first run tells the baseline", () => {
  const told = writeHeadline(analysis({ run: 1 }));
  assertEquals(told, "First run: 12,340 records, 2 templates, errors 1.2 %");
});

Deno.test("headline() says when nothing is new", () => {
  assertEquals(writeHeadline(analysis()), "Nothing new: errors 1.2 %, 12,340 records");
});

Deno.test("headline() puts what is new before what is always told", () => {
  const told = writeHeadline(analysis({
    news: {
      appeared: ["a", "b"],
      silent: [{ id: "c", text: "c", usual: 0.1 }],
      changed: [
        { kind: "level", subject: "error", text: "", usual: 0.004, now: 0.012 },
        { kind: "value", subject: "latency_ms", text: "", usual: 18, now: 41.25 },
        { kind: "volume", subject: "s", text: "", usual: 5900, now: 12_340 },
        { kind: "rate", subject: "a", text: "", usual: 0.1, now: 0.2 },
      ],
    },
  }));
  assertEquals(
    told,
    "2 new templates, 1 silent template, 1 changed rate, latency_ms 41.25 (usual 18), " +
      "errors 1.2 % (usual 0.4 %), 12,340 records (usual 5,900)",
  );
});

Deno.test("headline() does not speak of errors where the input states no levels", () => {
  const told = writeHeadline(analysis({ levels: { none: 12_340 } }));
  assertEquals(told, "Nothing new: 12,340 records");
});

Deno.test("headline() stays one short line whatever a field is called", () => {
  const subject = "\n\u202e".repeat(100);
  const changed = [{ kind: "value" as const, subject, text: "", usual: 1, now: 2 }];
  const told = writeHeadline(analysis({ news: { appeared: [], silent: [], changed } }));
  assertEquals(/[\p{Cc}\u202e]/u.test(told), false);
  assertEquals(told.length < 200, true);
});

Deno.test("headline() does not count templates where there are none", () => {
  assertEquals(
    writeHeadline(analysis({ run: 1, templates: [], levels: {} })),
    "First run: 12,340 records",
  );
});
