import { z } from "zod";
import { defineAgent, op } from "../../agents/define.ts";

export const greeter = defineAgent("greeter", {
  greet: op({
    input: z.strictObject({ name: z.string().min(1) }),
    output: z.strictObject({ text: z.string() }),
    async handle({ name }, { memory }) {
      const times = Number(await memory.get(name) ?? 0) + 1;
      memory.set(name, times);
      return { text: `Hello ${name}, for the ${times}. time` };
    },
  }),
});
