import { z } from "zod";
import { defineAgent, op } from "../../agents/define.ts";
import { run } from "../../agents/run.ts";

/** An agent whose only handler never ends. */
const sleeper = defineAgent("sleeper", {
  sleep: op({
    input: z.strictObject({}),
    output: z.strictObject({}),
    handle: () => new Promise<Record<string, never>>(() => {}),
  }),
});

await run("sleeper", () => sleeper);
