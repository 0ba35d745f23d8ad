import { assertEquals } from "@std/assert";
import { mask } from "../../../../agents/analyzer/templates/mask.ts";
import { quickestMs } from "../quickest_ms.ts";

const CASES: [message: string, masked: string][] = [
  ["took 35 seconds", "took <*> seconds"],
  ["from 10.0.0.1:8080 to /10.0.0.2:90", "from <*> to <*>"],
  ["open /var/log/a.log failed", "open <*> failed"],
  ["see https://example.com/a?b=1 now", "see <*> now"],
  ["url=https://example.com/a path=/data/x,mode=fast", "url=<*> path=<*>,mode=fast"],
  ["mail to bob@example.com bounced", "mail to <*> bounced"],
  ["id 6ba7b810-9dad-11d1-80b4-00c04fd430c8 gone", "id <*> gone"],
  ["at 0x0b85eee0, mask 0x05", "at <*>, mask <*>"],
  ["core.4900 of blk_-123 on node-246", "core.<*> of blk_<*> on node-<*>"],
  ["ssh2 utf8", "ssh2 utf8"],
  ["uid=0 user=root result=ok", "uid=<*> user=root result=ok"],
  ["state = up,mode=fast", "state = <*>,mode=fast"],
  ['lock tag="View Lock" held', "lock tag=<*> held"],
  ["session opened for user cyrus by root", "session opened for user <*> by root"],
  ["at Sat Jul  9 12:16:49 2005 done", "at <*> done"],
  ["free 12 KB", "free <*>"],
  ["free 93.0 B", "free <*>"],
  ["from 10.0.0.1 ()", "from <*> (<*>)"],
];

Deno.test("mask() replaces what varies", () => {
  for (const [message, masked] of CASES) assertEquals(mask(message), masked);
});

Deno.test("mask() makes lists of any length look the same", () => {
  assertEquals(mask("values 1 2 3"), mask("values 7 8 9 10 11"));
  assertEquals(mask("sizes 1, 2, 3"), mask("sizes 7, 8"));
  assertEquals(mask("got (a 1) (a 2) (a 3)"), mask("got (a 4) (a 5)"));
});

Deno.test("mask() takes time linear in the length of the text, whatever the text", () => {
  const pieces = 'a 1 = / . : <*> - @ a. a= =" 1, f: ( é'.split(" ").concat(" ", "1 ", "a1 b2 ");
  const chars = 100_000;
  const lines = 1000;
  const line = "request 17 took 35ms ".repeat(5).slice(0, chars / lines);
  const [linesMs, ...ms] = quickestMs(
    3,
    () => {
      for (let n = 0; n < lines; n++) mask(line);
    },
    ...pieces.map((piece) => {
      const text = piece.repeat(Math.ceil(chars / piece.length));
      return () => void mask(text);
    }),
  );
  // Three times is the most that was seen; a quadratic pass takes a hundred times and more.
  const slow = pieces.filter((_, index) => ms[index] > 20 * linesMs);
  assertEquals(slow, [], `slower than 20 times ${linesMs} ms`);
});
