/**
 * The orchestrator takes tasks from clients, runs each through a pipeline of agents, and keeps both
 * on disk. This file is its program. From here `cli/` picks the subcommand, `serve.ts` runs the
 * process, and `orchestrator.ts` puts the parts together.
 *
 * @module
 */
import { runProgram } from "../lib/process/program.ts";
import { runCommand } from "./cli/cli.ts";

if (import.meta.main) await runProgram("orchestrator", () => runCommand(Deno.args));
