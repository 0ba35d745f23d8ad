import { runProgram } from "../lib/program.ts";
import { runCommand } from "./cli.ts";

if (import.meta.main) await runProgram("orchestrator", () => runCommand(Deno.args));
