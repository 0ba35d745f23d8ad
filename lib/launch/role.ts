/**
 * `deno task orchestrator …`, `deno task collector …` and so on: one role with its own permissions.
 *
 * @module
 */
import { runProgram } from "../process/program.ts";
import { variable } from "../process/settings.ts";
import { PORTS, type Role } from "../roles.ts";
import { launch, sendSignal } from "./launch.ts";

await runProgram("role", async () => {
  const [role, ...args] = Deno.args;
  const inbox = variable("BATON_INBOX") ?? "inbox";
  const site = { folder: Deno.cwd(), ports: PORTS, inbox };
  const io = { stdin: "inherit", stdout: "inherit", stderr: "inherit" } as const;
  const child = launch(role as Role, site, { args, ...io });
  // Ctrl-C reaches the role as well. SIGTERM may or may not. A second SIGTERM would end a role that
  // is draining, so SIGTERM is passed on as SIGINT: the role takes either, and ends at once only if
  // the same signal comes twice.
  Deno.addSignalListener("SIGINT", () => {});
  Deno.addSignalListener("SIGTERM", () => sendSignal(child, "SIGINT"));
  return (await child.status).code;
});
