/**
 * JSON that is nearly right: with changed values, with keys that are missing, doubled or added, and
 * with numbers that no encoder would write.
 *
 * @module
 */
import type { Json } from "../../lib/json.ts";
import type { Dice } from "../harness/dice.ts";

/** Text that is written into the JSON as it is. */
class Raw {
  constructor(readonly text: string) {}
}

/** An object as a list, so that it can hold a key twice. */
class Entries {
  constructor(readonly list: [key: string, value: Node][]) {}
}

type Node = null | boolean | number | string | Raw | Entries | Node[];

/** Texts on which parsers, terminals and file systems have failed. */
export const NASTY_TEXTS = [
  "",
  " ",
  "\u0000",
  "\u001b[2J\u009b2J\u0007",
  "\u202e\u2066\u2028\u2029\ufeff",
  "\ud800",
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "toString",
  "../../etc/passwd",
  "/etc/passwd",
  "..",
  "a/../b",
  "**/**/**/**/*",
  "*".repeat(200),
  "<script>alert(1)</script>",
  "💥".repeat(50),
  "ａｄｍｉｎ",
  "NaN",
  "1e999",
  "true",
  "line\nline\r\nline",
  "%s%n%x",
  "a".repeat(300),
  "x".repeat(5000),
  "\\".repeat(99),
  '"'.repeat(99),
];

const NASTY_NUMBERS = [
  "0",
  "-0",
  "-1",
  "1.5",
  "1e400",
  "-1e400",
  "1e-400",
  "2147483648",
  "4294967296",
  "9007199254740991",
  "9007199254740993",
  "12345678901234567890123",
  "1e308",
  "8.64e15",
  "-8640000000000001",
];

/** What other encoders write, and JSON forbids. */
const NO_JSON = ["NaN", "Infinity", "undefined", "01", "+1", ".5", "0x10", "'a'", "[1,]", "{,}"];

const NASTY_KEYS = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "toJSON",
  "then",
  "length",
  "",
  "\u0000",
  "v",
  "id",
  "type",
  "body",
  "polluted",
  "k".repeat(3000),
];

/** Returns a JSON text that differs from `value` in a few places. */
export function mutatedJson(value: Json, dice: Dice): string {
  const root = new Entries([["", toNode(value)]]);
  for (let times = 1 + dice.below(3); times > 0; times--) mutateOnce(root, dice);
  return write(root.list[0]?.[1] ?? null);
}

function mutateOnce(root: Entries, dice: Dice): void {
  const inner = containersIn(root).filter((container) => container !== root);
  const target = inner.length > 0 && dice.below(30) > 0 ? dice.pick(inner) : root;
  const size = target instanceof Entries ? target.list.length : target.length;
  const at = dice.below(Math.max(1, size));
  const isInside = target !== root;
  switch (dice.below(isInside ? 9 : 4)) {
    case 0:
    case 1:
      return put(target, at, odd(dice));
    case 2:
      return put(target, at, bent(get(target, at), dice));
    case 3:
      return put(target, at, nested(get(target, at), dice));
    case 4:
      return void (target instanceof Entries ? target.list : target).splice(at, 1);
    case 5:
      return add(target, at, get(target, at), dice);
    case 6:
      return add(target, at, odd(dice), dice, dice.pick(NASTY_KEYS));
    case 7: // renames a key
      if (target instanceof Entries && size > 0) target.list[at][0] = dice.pick(NASTY_KEYS);
      return;
    case 8: {
      const other = dice.below(Math.max(1, size));
      const [first, second] = [get(target, at), get(target, other)];
      put(target, at, second);
      return put(target, other, first);
    }
  }
}

function containersIn(node: Node): (Entries | Node[])[] {
  const inside = node instanceof Entries
    ? node.list.flatMap(([, value]) => containersIn(value))
    : Array.isArray(node)
    ? node.slice(0, 50).flatMap(containersIn)
    : undefined;
  return inside === undefined ? [] : [node as Entries | Node[], ...inside];
}

function get(target: Entries | Node[], at: number): Node {
  return (target instanceof Entries ? target.list[at]?.[1] : target[at]) ?? null;
}

function put(target: Entries | Node[], at: number, value: Node): void {
  if (target instanceof Entries) {
    if (at < target.list.length) target.list[at][1] = value;
  } else if (at < target.length) target[at] = value;
}

function add(
  target: Entries | Node[],
  at: number,
  value: Node,
  dice: Dice,
  key = target instanceof Entries ? target.list[at]?.[0] ?? "" : "",
): void {
  if (target instanceof Entries) target.list.splice(at, 0, [key, value]);
  else target.splice(at, 0, ...Array<Node>(dice.pick([1, 1, 1, 3])).fill(value));
}

function odd(dice: Dice): Node {
  switch (dice.below(12)) {
    case 0:
      return null;
    case 1:
      return dice.below(2) === 0;
    case 2:
      return [];
    case 3:
      return new Entries([]);
    case 4:
      return dice.below(6) === 0 ? new Raw(dice.pick(NO_JSON)) : [null];
    case 5:
      return new Entries([[
        dice.pick(NASTY_KEYS),
        new Entries([[dice.pick(["polluted", "polluted", "toString"]), 1]]),
      ]]);
    case 6:
      return dice.below(20) === 0 ? collidingDigits() : many(dice);
    case 7:
    case 8:
    case 9:
      return new Raw(dice.pick(NASTY_NUMBERS));
    default:
      return dice.pick(NASTY_TEXTS);
  }
}

function many(dice: Dice): Node[] {
  const count = dice.below(20) === 0 ? 200_000 : dice.pick([1, 10, 2_000]);
  // Nothing that can be mutated later: one change would show in all of them.
  return Array<Node>(count).fill(dice.pick([0, null, "a", true, new Raw("{}")]));
}

/** Texts that collide in the hash table of V8. */
function collidingDigits(): Node[] {
  return Array.from({ length: 20_000 }, (_, n) => String(n * 65_536));
}

/** Returns a value that is nearly the same. */
function bent(value: Node, dice: Dice): Node {
  if (typeof value === "number") {
    return dice.pick<Node>([-value, value + 0.5, value * 1e9, String(value), [value]]);
  }
  if (typeof value === "string") {
    const at = dice.below(value.length + 1);
    const nasty = dice.pick(NASTY_TEXTS);
    return dice.pick([
      value.slice(0, at) + nasty + value.slice(at),
      value.slice(0, at),
      value.toUpperCase(),
      value.repeat(Math.min(20, Math.ceil(20_000 / (value.length + 1)))),
    ]);
  }
  return odd(dice);
}

function nested(value: Node, dice: Dice): Node {
  const depth = dice.pick([1, 1, 2, 30, 50, 59, 60, 61, 62, 63, 500, 20_000]);
  const [open, close] = dice.pick([["[", "]"], ['{"a":', "}"]]);
  return new Raw(open.repeat(depth) + write(value) + close.repeat(depth));
}

function toNode(value: Json): Node {
  if (Array.isArray(value)) return value.map(toNode);
  if (value === null || typeof value !== "object") return value;
  return new Entries(Object.entries(value).map(([key, inner]) => [key, toNode(inner)]));
}

function write(node: Node): string {
  if (node instanceof Raw) return node.text;
  if (Array.isArray(node)) return `[${node.map(write).join(",")}]`;
  if (!(node instanceof Entries)) return JSON.stringify(node);
  return `{${node.list.map(([key, value]) => `${JSON.stringify(key)}:${write(value)}`).join(",")}}`;
}
