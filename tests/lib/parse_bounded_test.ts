import { assert, assertEquals, assertThrows } from "@std/assert";
import { z } from "zod";
import { CodedError } from "../../lib/errors.ts";
import { parseBounded } from "../../lib/parse_bounded.ts";
import { validate } from "../../lib/wire/protocol.ts";

const MANY = 100_000;

function many<T>(value: T): T[] {
  return Array<T>(MANY).fill(value);
}

const Point = z.strictObject({ x: z.int(), y: z.int(), name: z.string() });

/** Values with something wrong in every element, in each shape that bodies have. */
const WRONG: Record<string, [schema: z.ZodType, value: unknown]> = {
  array: [z.array(z.enum(["a", "b"])), many(0)],
  "array of objects": [z.array(Point), many({})],
  "array of tuples": [z.array(z.tuple([z.int(), z.int()])), many([])],
  "array of unions": [z.array(z.union([Point, z.strictObject({ z: z.int() })])), many(0)],
  "array in an object": [z.strictObject({ a: z.array(Point).optional() }), { a: many(0) }],
  "array with a default": [z.strictObject({ a: z.array(Point).default([]) }), { a: many(0) }],
  "arrays in an array": [
    z.strictObject({ a: z.array(z.strictObject({ b: z.array(Point) })) }),
    { a: Array(100).fill({ b: Array(MANY / 100).fill({}) }) },
  ],
  "rest of a tuple": [z.tuple([z.int()], Point), many(0)],
};

Deno.test("parseBounded() reports only the first issue of a large value", async (t) => {
  for (const [name, [schema, value]] of Object.entries(WRONG)) {
    await t.step(name, () => {
      const { issues } = parseBounded(schema, value).error!;
      assert(issues.length <= 3, `${issues.length} issues`); // the issues of one object's keys come together
    });
  }
});

Deno.test("parseBounded() reports all issues of a small value", () => {
  const { issues } = parseBounded(z.array(Point), [{ x: 1 }, { x: 1.5, y: 2, name: 3 }]).error!;
  assertEquals(issues.map(({ path }) => path.join(".")), ["0.y", "0.name", "1.x", "1.name"]);
});

Deno.test("parseBounded() reports the type of a value whose `length` can't be compared", () => {
  const schema = z.strictObject({ name: z.string().min(1).max(9), list: z.array(z.int()).max(9) });
  const odd = JSON.parse('{"length":{"toString":1},"toString":{"length":2}}');
  const issuesOf = ({ error }: z.ZodSafeParseResult<unknown>) =>
    error!.issues.map(({ code, path }) => [code, ...path]);
  assertEquals(issuesOf(parseBounded(schema, { name: odd, list: [1] })), [[
    "invalid_type",
    "name",
  ]]);
  assertEquals(issuesOf(parseBounded(schema, { name: "n", list: odd })), [[
    "invalid_type",
    "list",
  ]]);
  const large = { name: odd, points: many(0) };
  const { issues } = parseBounded(schema.extend({ points: z.array(Point) }), large).error!;
  assert(issues.length <= 3, `${issues.length} issues`);
  const broken = z.string().refine((): boolean => {
    throw new TypeError("A mistake of the schema");
  });
  assertThrows(() => parseBounded(broken, "n"), TypeError, "A mistake");
});

Deno.test("parseBounded() returns what safeParse() returns if nothing is wrong", () => {
  const schema = z.strictObject({
    points: z.array(Point.extend({ name: z.string().default("p") })),
    more: z.array(z.union([z.int(), z.string().transform(Number)])),
  });
  const value = { points: many({ x: 1, y: 2 }), more: [1, ...many("7")] };
  assertEquals(parseBounded(schema, value), schema.safeParse(value));
});

Deno.test("parseBounded() finds an issue after a large part that is right", () => {
  const value = { points: many({ x: 1, y: 2, name: "p" }), at: "now" };
  const schema = z.strictObject({ points: z.array(Point), at: z.int() });
  assertEquals(parseBounded(schema, value).error!.issues.map(({ path }) => path), [["at"]]);
});

Deno.test("validate() reports one detail of a body with very many issues", () => {
  const schema = z.strictObject({ states: z.array(z.enum(["done", "dead"])) });
  const error = assertThrows(() => validate(schema, { states: many(0) }), CodedError);
  assertEquals(error.code, "invalid_input");
  assertEquals(error.details?.map((detail) => detail.split(":")[0]), ["states.0"]);
});
