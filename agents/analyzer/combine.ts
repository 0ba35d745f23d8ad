/**
 * Partial results to one, in any order.
 *
 * @module
 */
import { CodedError } from "../../lib/errors.ts";
import type { Partial } from "../shapes.ts";
import { Tally } from "./counts/tally.ts";

/**
 * Adds partial results up.
 *
 * @throws {CodedError} `invalid_input` where they belong to different streams: a baseline can only
 * be compared with its own.
 */
export function combine(partials: readonly Partial[]): Partial {
  const streams = [...new Set(partials.map(({ stream }) => stream))];
  if (streams.length !== 1) {
    throw new CodedError(
      "invalid_input",
      `Cannot combine partials of ${streams.length} streams: they must share one`,
      {
        details: streams.slice(0, 8).map((stream) => `partials.stream: ${JSON.stringify(stream)}`),
      },
    );
  }
  const tally = new Tally(streams[0]);
  for (const partial of partials) tally.add(partial);
  return tally.build();
}
