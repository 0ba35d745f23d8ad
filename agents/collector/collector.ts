/**
 * The agent that reads the inbox: sources and a cursor enter, pages of text leave. Start reading at
 * `collect.ts`.
 *
 * @module
 */
import { type Agent, defineAgent, op } from "../define.ts";
import { collect } from "./collect.ts";
import { CollectInput, CollectOutput, Note } from "./collect_shapes.ts";
import { recall } from "./recall.ts";
import { ScanInput, Scanner, ScanOutput } from "./scan.ts";
import type { CollectorConfig } from "./config.ts";

/**
 * Defines the collector.
 *
 * @param inbox folder whose files it may read, relative to the working directory
 * @param now returns the time, in ms since 1970
 */
export function collector(inbox: string, now: () => number = Date.now): Agent {
  const config: CollectorConfig = { inbox, now };
  const scanner = new Scanner(config);
  return defineAgent("collector", {
    // {"sources":[{"glob":"logs/**/*.log"}],"only_new":true}
    collect: op({
      input: CollectInput,
      output: CollectOutput,
      handle: (input, context) => collect(config, input, context),
      recall: (input, note, { signal }) => recall(config, input, Note.parse(note), signal),
    }),
    // {"settle_ms":1000}
    scan: op({
      input: ScanInput,
      output: ScanOutput,
      handle: (input, context) => scanner.scan(input, context),
      pure: true,
    }),
  });
}
