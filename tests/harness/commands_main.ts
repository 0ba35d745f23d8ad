/**
 * Runs commands of the orchestrator one after the other, each an array of words as JSON: those in
 * the argument, an array of commands, or else one command for each line of stdin. A line with the
 * exit code follows the output of each command: on the terminal, or else on both stdout and stderr.
 *
 * @module
 */
import { exitLine } from "./commands.ts";
import { runProgram } from "../../lib/process/program.ts";
import { runCommand } from "../../orchestrator/cli/cli.ts";

class Exited {
  constructor(readonly code: number) {}
}

// A command ends its process. Here it ends only itself.
Object.defineProperty(Deno, "exit", {
  value: (code: number) => {
    throw new Exited(code);
  },
});

for await (const words of commands()) {
  try {
    await runProgram("orchestrator", () => runCommand(words));
  } catch (exited) {
    if (!(exited instanceof Exited)) throw exited;
    const line = new TextEncoder().encode(exitLine(exited.code));
    Deno.stdout.writeSync(line);
    if (!Deno.stderr.isTerminal()) Deno.stderr.writeSync(line);
  }
}

async function* commands(): AsyncGenerator<string[]> {
  if (Deno.args.length > 0) return yield* JSON.parse(Deno.args[0]);
  let text = "";
  for await (const part of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (text + part).split("\n");
    text = lines.pop()!;
    for (const line of lines) yield JSON.parse(line);
  }
}
