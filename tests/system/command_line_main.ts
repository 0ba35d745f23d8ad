/**
 * Runs commands of the orchestrator one after the other in one process, since a process for each
 * would take most of a test's time. The argument is a JSON array of commands, each an array of words.
 * A line with the exit code follows the output of each command: on the terminal, or else
 * on both stdout and stderr.
 *
 * @module
 */
import { exitLine } from "./command_line.ts";
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

for (const words of JSON.parse(Deno.args[0]) as string[][]) {
  try {
    await runProgram("orchestrator", () => runCommand(words));
  } catch (exited) {
    if (!(exited instanceof Exited)) throw exited;
    const line = new TextEncoder().encode(exitLine(exited.code));
    Deno.stdout.writeSync(line);
    if (!Deno.stderr.isTerminal()) Deno.stderr.writeSync(line);
  }
}
