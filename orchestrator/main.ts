import { runProgram } from "../lib/process/program.ts";
import { runCommand } from "./cli/cli.ts";

if (import.meta.main) await runProgram("orchestrator", () => runCommand(Deno.args));
