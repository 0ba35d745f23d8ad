/**
 * Hostile connections, each made from a seed and its number.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { JsonObject } from "../../lib/json.ts";
import { type Role, ROLES } from "../../lib/roles.ts";
import { Dice } from "../harness/dice.ts";
import { mutatedBytes, oddBytes } from "./bytes_of.ts";
import { mutatedJson } from "./mutate_json.ts";
import { partOf, type SessionInput } from "./session_input.ts";
import { requestOf, requestsOf } from "./valid_requests.ts";

const encoder = new TextEncoder();
const LINES_MAX = 6;
const SPLITS_MAX = 6;

/** Returns the dice of one input, so that it can be made again without the inputs before it. */
export function diceOf(seed: number, number: number): Dice {
  return new Dice(Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b));
}

/** Returns a connection that sends nearly valid lines. */
export function linesInput(seed: number, number: number): SessionInput {
  const dice = diceOf(seed, number);
  const role = dice.pick(ROLES);
  const login = dice.below(5) > 0;
  const lines = Array.from({ length: 1 + dice.below(LINES_MAX) }, () => line(role, login, dice));
  return { role, login, writes: split(Buffer.concat(lines), dice).map(partOf), end: endOf(dice) };
}

/** Returns a connection that sends bytes which are hardly ever lines. */
export function bytesInput(seed: number, number: number): SessionInput {
  const dice = diceOf(seed, number);
  const role = dice.pick(ROLES);
  const parts = Array.from({ length: 1 + dice.below(4) }, () => oddBytes(dice));
  const login = dice.below(2) === 0;
  return { role, login, writes: split(Buffer.concat(parts), dice).map(partOf), end: endOf(dice) };
}

function line(role: Role, login: boolean, dice: Dice): Uint8Array {
  const all = requestsOf(role);
  // The reply to a wrong proof is delayed, so that many of them would take all the time.
  const example = dice.pick(login || dice.below(8) === 0 ? all : all.slice(0, 4));
  const id = dice.pick(["f1", "f1", "f2", "f3.collect", "f3.collect.1", `f${dice.below(1e6)}.x`]);
  const request = requestOf(example, id, dice.pick([undefined, 1, 50, 2000, 2000]));
  return dice.below(4) > 0 ? withWrongBody(request, dice) : wrongAnywhere(request, dice);
}

/** Returns a request that is valid but for its body, so that it reaches the code of its type. */
function withWrongBody({ body, ...request }: JsonObject, dice: Dice): Uint8Array {
  const text = JSON.stringify(request);
  const wrong = dice.below(10) === 0 ? JSON.stringify(body ?? {}) : mutatedJson(body ?? {}, dice);
  return encoder.encode(`${text.slice(0, -1)},"body":${wrong}}\n`);
}

/** Returns a request that may be wrong anywhere. */
function wrongAnywhere(request: JsonObject, dice: Dice): Uint8Array {
  const before = dice.pick(["", "", "", "", " ", "\t", "\ufeff"]);
  const end = dice.pick(["\n", "\n", "\n", "\n", "\r\n", "", " \n", "\n\n\n", "}\n", "\0\n"]);
  const bytes = encoder.encode(before + mutatedJson(request, dice) + end);
  return dice.below(3) === 0 ? mutatedBytes(bytes, dice) : bytes;
}

function endOf(dice: Dice): SessionInput["end"] {
  return dice.pick(["wait", "wait", "wait", "half", "gone"]);
}

/** Cuts bytes into one write or several. */
function split(bytes: Uint8Array, dice: Dice): Uint8Array[] {
  const count = dice.pick([0, 0, 1, SPLITS_MAX]);
  const points = Array.from({ length: count }, () => dice.below(bytes.length + 1));
  const cuts = [0, ...points.sort((a, b) => a - b), bytes.length];
  return cuts.slice(1).map((end, at) => bytes.subarray(cuts[at], end));
}
