/**
 * Hostile connections to real roles, many at once, for a time.
 *
 * @module
 */
import { decodeReply, decodeRequest } from "../../lib/wire/protocol.ts";
import type { Figures, Finding } from "./finding.ts";
import { runSession } from "./hostile_session.ts";
import { allBytes, type SessionInput } from "./session_input.ts";
import { bytesInput, linesInput } from "./session_inputs.ts";
import { Victim } from "./victim.ts";

const ATTACKERS = 8;
/** So much of the time is for caches and heaps to become as large as they like. */
const WARM_SHARE = 0.6;

const MAKE = { lines: linesInput, bytes: bytesInput };

export interface FuzzOptions {
  readonly seconds: number;
  readonly seed: number;
  /** Where to begin, and how many inputs there are at most; by default from 0 and as many as fit. */
  readonly from?: number;
  readonly inputs?: number;
}

/** Attacks until the time is over; gives what was found, with the inputs that found it. */
export async function fuzzSessions(
  kind: "lines" | "bytes",
  { seconds, seed, from = 0, inputs = Infinity }: FuzzOptions,
): Promise<Figures> {
  await using victim = await Victim.start();
  const make = (number: number): SessionInput => MAKE[kind](seed, number);
  const counts = { tried: 0, refused: 0 };
  const findings: Finding[] = [];
  let next = from;
  const attack = async (until: number): Promise<void> => {
    while (performance.now() < until && next < from + inputs && victim.findings.length === 0) {
      const number = next++;
      const input = make(number);
      const { refused, told } = await tryOne(input, victim);
      counts.tried++;
      if (refused) counts.refused++;
      if (told.length > 0) findings.push({ seed, number, input, told });
    }
  };
  const begun = performance.now();
  const all = (ms: number): Promise<unknown> =>
    Promise.all(Array.from({ length: ATTACKERS }, () => attack(begun + ms)));
  let grownMib = 0;
  try {
    await all(WARM_SHARE * seconds * 1_000);
    await victim.measure();
    const warm = counts.tried;
    await all(seconds * 1_000);
    if (victim.findings.length === 0) grownMib = await victim.judge(counts.tried - warm);
  } catch (error) {
    victim.findings.push(`an honest client, or a look from outside: ${error}`);
  }
  await victim.stop();
  if (victim.findings.length > 0) {
    findings.unshift({ seed, number: next - 1, input: null, told: victim.findings });
  }
  return { kind, ...counts, findings, longestMs: victim.longestWaitMs, grownMib };
}

/** Lets one connection do its worst, and lets this process read the same lines. */
export async function tryOne(
  input: SessionInput,
  victim: Pick<Victim, "target">,
): Promise<{ refused: boolean; told: string[]; last: string | undefined }> {
  const told = readHere(allBytes(input));
  try {
    const { replies, findings } = await runSession(input, victim.target(input.role));
    const refusals = replies.flatMap((reply) => reply.ok ? [] : [reply.error.code]);
    told.push(...findings);
    return { refused: refusals.length > 0, told, last: refusals.at(-1) };
  } catch (error) {
    return { refused: false, told: [...told, String(error)], last: undefined };
  }
}

/** The readers throw what they are meant to throw, and no prototype is touched. */
function readHere(bytes: Uint8Array): string[] {
  for (const read of [decodeRequest, decodeReply]) {
    try {
      read(bytes);
    } catch (error) {
      const { name } = error as Error;
      if (name !== "RequestError" && name !== "CodedError") return [`${read.name} threw ${name}`];
    }
  }
  return "polluted" in {} ? ["Object.prototype is polluted"] : [];
}
