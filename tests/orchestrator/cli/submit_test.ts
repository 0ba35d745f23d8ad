import { assertEquals, assertRejects } from "@std/assert";
import { ExitError } from "../../../lib/exit.ts";
import type { JsonObject } from "../../../lib/json.ts";
import { parseSettings } from "../../../lib/process/settings.ts";
import { SUBMIT } from "../../../orchestrator/cli/flags.ts";
import { submitBody } from "../../../orchestrator/cli/submit.ts";

/** Returns the body that `submit` sends for these words, with these parts on stdin. */
async function bodyOf(args: string[], stdin: Uint8Array<ArrayBuffer>[] = []): Promise<JsonObject> {
  const { values, rest } = parseSettings(SUBMIT, args);
  return await submitBody(rest, values, ReadableStream.from(stdin));
}

Deno.test("submitBody() makes a source of each file, glob, stdin and text, in order", async () => {
  const snow = new TextEncoder().encode("snow");
  const { input, label } = await bodyOf(["a.log", "b*.log", "-", "--text", "rain"], [snow]);
  assertEquals(input, {
    sources: [
      { file: "a.log" },
      { glob: "b*.log" },
      { text: "snow", name: "stdin" },
      { text: "rain", name: "text" },
    ],
  });
  assertEquals(label, "a.log b*.log -");
});

Deno.test("submitBody() names stdin and the text after the stream", async () => {
  const { input } = await bodyOf(["-", "--text", "rain", "--stream", "shop", "--only-new"]);
  const sources = [{ text: "", name: "shop" }, { text: "rain", name: "shop" }];
  assertEquals(input, { sources, stream: "shop", only_new: true });
});

Deno.test("submitBody() sends --input as it is, and a key only if there is one", async () => {
  const body = { pipeline: "report", label: "text", deadline_ms: 600_000 };
  assertEquals(await bodyOf(["--input", '{"n":1}']), { ...body, input: { n: 1 } });
  const args = ["--input", "{}", "--key", "k", "--deadline", "5", "--pipeline", "knit"];
  const expected = { pipeline: "knit", label: "text", deadline_ms: 5_000, key: "k", input: {} };
  assertEquals(await bodyOf(args), expected);
});

Deno.test("submitBody() cuts a label to what the API takes", async () => {
  const { label } = await bodyOf(Array(100).fill("shop.log"));
  assertEquals((label as string).length, 200);
  assertEquals((await bodyOf(["a.log", "--label", "x".repeat(300)])).label, "x".repeat(200));
});

Deno.test("submitBody() joins characters that stdin splits, and counts its bytes", async () => {
  const bytes = new TextEncoder().encode("é");
  const { input } = await bodyOf(["-"], [bytes.slice(0, 1), bytes.slice(1)]);
  assertEquals(input, { sources: [{ text: "é", name: "stdin" }] });
  const mebibyte = new Uint8Array(1024 * 1024).fill(97);
  await bodyOf(["-"], [mebibyte]);
  const tooMuch = () => bodyOf(["-"], [mebibyte, new Uint8Array(1)]);
  await assertRejects(tooMuch, ExitError, "more than 1 MiB");
});

Deno.test("submitBody() rejects a command that names nothing to submit", async () => {
  await assertRejects(() => bodyOf([]), ExitError, "Cannot submit nothing");
});
