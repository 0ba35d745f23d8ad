import { assertEquals, assertMatch } from "@std/assert";
import { EXIT } from "../../../lib/exit.ts";

const PROGRAM = new URL("./ending_program.ts", import.meta.url).pathname;
const CONFIG = new URL("../../../deno.json", import.meta.url).pathname;

/** Runs a program that ends in the named way. */
async function ending(way: string): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--config", CONFIG, PROGRAM, way],
    env: { NO_COLOR: "1" },
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out, err };
}

Deno.test("runProgram() ends with the code that its program returns, after all of its output", async () => {
  const { code, out, err } = await ending("code");
  assertEquals([code, err], [7, ""]);
  assertEquals(out.trimEnd().split("\n").length, 100_000);
});

Deno.test("runProgram() makes one printable line and an exit code of an ExitError", async () => {
  const { code, out, err } = await ending("refusal");
  assertEquals([code, out], [EXIT.usage, ""]);
  assertEquals(err, "tester: Cannot do that:\\n\\u001b[31mred\n");
});

Deno.test("runProgram() prints the stack of any other error, and ends with `failed`", async () => {
  const { code, out, err } = await ending("bug");
  assertEquals([code, out], [EXIT.failed, ""]);
  assertMatch(err, /^tester: TypeError: a bug\\u001b\[31m\n {4}at .*ending_program\.ts/);
});
