import { assert, assertEquals, assertThrows } from "@std/assert";
import type { z } from "zod";
import { CodedError } from "../../../lib/errors.ts";
import type { JsonObject } from "../../../lib/json.ts";
import { validate } from "../../../lib/wire/protocol.ts";
import {
  EmptyBody,
  EventsBody,
  ListBody,
  PauseBody,
  ResultBody,
  RetryBody,
  SubmitBody,
  TaskBody,
} from "../../../orchestrator/api/bodies.ts";

const INPUT = { sources: [{ text: "one" }] };

Deno.test("the schemas of bodies reject what their type does not take and name the path", () => {
  const bad: [schema: z.ZodType, body: JsonObject, path: string][] = [
    [SubmitBody, {}, "input"],
    [SubmitBody, { input: [] }, "input"],
    [SubmitBody, { input: INPUT, inptu: 1 }, "(top)"],
    [SubmitBody, { input: INPUT, label: "x".repeat(201) }, "label"],
    [SubmitBody, { input: INPUT, key: "" }, "key"],
    [SubmitBody, { input: INPUT, key: "x".repeat(257) }, "key"],
    [SubmitBody, { input: INPUT, deadline_ms: 0 }, "deadline_ms"],
    [SubmitBody, { input: INPUT, deadline_ms: 86_400_001 }, "deadline_ms"],
    [SubmitBody, { input: INPUT, wait_ms: -1 }, "wait_ms"],
    [SubmitBody, { input: INPUT, wait_ms: 1.5 }, "wait_ms"],
    [TaskBody, {}, "task"],
    [TaskBody, { task: "../x" }, "task"],
    [TaskBody, { task: "t", more: 1 }, "(top)"],
    [ListBody, { states: ["lost"] }, "states.0"],
    [ListBody, { limit: 0 }, "limit"],
    [ListBody, { limit: 501 }, "limit"],
    [EventsBody, { task: "t", after: -1 }, "after"],
    [EventsBody, { task: "t", wait_ms: 600_001 }, "wait_ms"],
    [ResultBody, { task: 7 }, "task"],
    [ResultBody, { task: "t", wait_ms: 600_001 }, "wait_ms"],
    [RetryBody, {}, "task"],
    [RetryBody, { task: "t", from: 1 }, "from"],
    [RetryBody, { task: "t", events: -1 }, "events"],
    [PauseBody, {}, "(top)"],
    [PauseBody, { agent: "a", pipeline: "report" }, "(top)"],
    [PauseBody, { agent: 1 }, "agent"],
    [EmptyBody, { x: 1 }, "(top)"],
  ];
  for (const [schema, body, path] of bad) {
    const { code, details } = assertThrows(() => validate(schema, body), CodedError);
    assertEquals(code, "invalid_input", JSON.stringify(body));
    assert(details!.some((detail) => detail.startsWith(`${path}:`)), details!.join("; "));
  }
});

Deno.test("the schemas of bodies take the largest values and fill in defaults", () => {
  const largest = {
    pipeline: "p".repeat(64),
    input: INPUT,
    label: "x".repeat(200),
    key: "k".repeat(256),
    deadline_ms: 86_400_000,
    wait_ms: 600_000,
  };
  assertEquals(validate(SubmitBody, largest), largest);
  const defaults = { pipeline: "report", label: "", deadline_ms: 600_000, wait_ms: 0 };
  assertEquals(validate(SubmitBody, { input: INPUT }), { ...defaults, input: INPUT });
  assertEquals(validate(EventsBody, { task: "t" }), { task: "t", after: 0, wait_ms: 0 });
  assertEquals(validate(ResultBody, { task: "t" }), { task: "t", wait_ms: 0 });
  assertEquals(validate(ListBody, {}), { limit: 50 });
  assertEquals(validate(ListBody, { limit: 500 }), { limit: 500 });
});
