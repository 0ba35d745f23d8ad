import { assertEquals } from "@std/assert";
import { writeHeadline } from "../../../../agents/reporter/content/headline.ts";
import { analysis } from "../sample.ts";

Deno.test("writeHeadline() of a first run counts records, templates and errors", () => {
  const headline = writeHeadline(analysis({ run: 1 }));
  assertEquals(headline, "First run: 12,340 records, 2 templates, errors 1.2 %");
});

Deno.test("writeHeadline() says if nothing is new", () => {
  assertEquals(writeHeadline(analysis()), "Nothing new: errors 1.2 %, 12,340 records");
});

Deno.test("writeHeadline() puts what is new first", () => {
  const headline = writeHeadline(analysis({
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
    headline,
    "2 new templates, 1 silent template, 1 changed rate, latency_ms 41.25 (usual 18), " +
      "errors 1.2 % (usual 0.4 %), 12,340 records (usual 5,900)",
  );
});

Deno.test("writeHeadline() mentions no errors if the input states no levels", () => {
  const headline = writeHeadline(analysis({ levels: { none: 12_340 } }));
  assertEquals(headline, "Nothing new: 12,340 records");
});

Deno.test("writeHeadline() stays one short line, whatever the name of a field", () => {
  const subject = "\n\u202e".repeat(100);
  const changed = [{ kind: "value" as const, subject, text: "", usual: 1, now: 2 }];
  const headline = writeHeadline(analysis({ news: { appeared: [], silent: [], changed } }));
  assertEquals(/[\p{Cc}\u202e]/u.test(headline), false);
  assertEquals(headline.length < 200, true);
});

Deno.test("writeHeadline() mentions no templates if there are none", () => {
  assertEquals(
    writeHeadline(analysis({ run: 1, templates: [], levels: {} })),
    "First run: 12,340 records",
  );
});
