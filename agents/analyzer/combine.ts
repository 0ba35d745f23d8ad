/**
 * Partial results to one, in any order and in any grouping.
 *
 * @module
 */
import { CodedError } from "../../lib/errors.ts";
import type { Partial } from "../shapes.ts";
import { Tally } from "./counts/tally.ts";

/** Streams that an error names. */
const STREAMS_NAMED_MAX = 8;

/**
 * Adds partial results up.
 *
 * @throws {CodedError} `invalid_input` if they belong to different streams: a run is compared with
 * the baseline of one stream
 */
export function combine(partials: readonly Partial[]): Partial {
  const streams = [...new Set(partials.map(({ stream }) => stream))];
  if (streams.length !== 1) {
    throw new CodedError(
      "invalid_input",
      `Cannot combine partials of ${streams.length} streams: they must share one`,
      {
        details: streams.slice(0, STREAMS_NAMED_MAX)
          .map((stream) => `partials.stream: ${JSON.stringify(stream)}`),
      },
    );
  }
  const tally = new Tally(streams[0]);
  for (const partial of partials) tally.merge(partial);
  return tally.build();
}
