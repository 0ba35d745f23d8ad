/**
 * Hostile connections to the four roles, many at once.
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
/** Growth is measured after this share of the run: until then caches and heaps fill up. */
const WARM_SHARE = 0.6;

const MAKE = { lines: linesInput, bytes: bytesInput };

/** A run ends after `seconds` or after `inputs`, whichever comes first. */
export interface FuzzOptions {
  readonly seconds: number;
  readonly seed: number;
  /** The number of the first input; by default 0. */
  readonly from?: number;
  /** How many inputs; by default any number. */
  readonly inputs?: number;
}

/** Attacks new roles until the run ends or they break a rule. */
export async function fuzzSessions(
  kind: "lines" | "bytes",
  options: FuzzOptions,
): Promise<Figures> {
  await using victim = await Victim.start();
  const figures = await attack(victim, kind, options);
  await victim.stop();
  const { seed, from = 0 } = options;
  const last = { seed, number: from + figures.tried - 1, input: null };
  const findings = victim.problems.length === 0
    ? figures.findings
    : [{ ...last, problems: victim.problems }, ...figures.findings];
  return { ...figures, findings };
}

/** Attacks the roles until the run ends or they break a rule, which the victim has as a problem. */
export async function attack(
  victim: Victim,
  kind: "lines" | "bytes",
  { seconds, seed, from = 0, inputs = Infinity }: FuzzOptions,
): Promise<Figures> {
  const counts = { tried: 0, refused: 0 };
  const findings: Finding[] = [];
  const begun = performance.now();
  let next = from;
  const attackAlone = async (share: number): Promise<void> => {
    const [end, due] = [from + share * inputs, begun + share * seconds * 1_000];
    while (next < end && performance.now() < due && victim.problems.length === 0) {
      const number = next++;
      const input = MAKE[kind](seed, number);
      const { refused, problems } = await tryInput(input, victim);
      counts.tried++;
      if (refused) counts.refused++;
      if (problems.length > 0) findings.push({ seed, number, input, problems });
    }
  };
  const attackTogether = (share: number): Promise<unknown> =>
    Promise.all(Array.from({ length: ATTACKERS }, () => attackAlone(share)));
  let grownMib = 0;
  try {
    await attackTogether(WARM_SHARE);
    await victim.measure();
    const warm = counts.tried;
    await attackTogether(1);
    if (victim.problems.length === 0) grownMib = await victim.check(counts.tried - warm);
  } catch (error) {
    victim.problems.push(`an honest client, or a measurement: ${error}`);
  }
  return { kind, ...counts, findings, longestMs: victim.longestWaitMs, grownMib };
}

/**
 * Runs one hostile connection, and decodes the same lines in this process.
 *
 * @returns whether a request was refused, which rules were broken, and the code of the last reply
 */
export async function tryInput(
  input: SessionInput,
  victim: Pick<Victim, "target">,
): Promise<{ refused: boolean; problems: string[]; last: string | undefined }> {
  const problems = decodeHere(allBytes(input));
  try {
    const outcome = await runSession(input, victim.target(input.role));
    const refusals = outcome.replies.flatMap((reply) => reply.ok ? [] : [reply.error.code]);
    problems.push(...outcome.problems);
    return { refused: refusals.length > 0, problems, last: refusals.at(-1) };
  } catch (error) {
    return { refused: false, problems: [...problems, String(error)], last: undefined };
  }
}

/** The decoders may throw only their own errors and must not touch a prototype. */
function decodeHere(bytes: Uint8Array): string[] {
  for (const decode of [decodeRequest, decodeReply]) {
    try {
      decode(bytes);
    } catch (error) {
      const { name } = error as Error;
      if (name !== "RequestError" && name !== "CodedError") return [`${decode.name} threw ${name}`];
    }
  }
  return "polluted" in {} ? ["Object.prototype is polluted"] : [];
}
