/**
 * `deno task orchestrator …`, `deno task collector …` and so on: one role with its own permissions.
 *
 * @module
 */
import { variable } from "../process/settings.ts";
import { runProgram } from "../process/program.ts";
import { PORTS, type Role } from "../roles.ts";
import { launch, sendSignal } from "./launch.ts";

await runProgram("role", async () => {
  const [role, ...args] = Deno.args;
  const inbox = variable("BATON_INBOX") ?? "inbox";
  const site = { folder: Deno.cwd(), ports: PORTS, inbox };
  const io = { stdin: "inherit", stdout: "inherit", stderr: "inherit" } as const;
  const child = launch(role as Role, site, { args, ...io });
  // Ctrl-C has reached the role as well. A SIGTERM may have: passed on as another signal, it ends
  // nothing at once that is draining already.
  Deno.addSignalListener("SIGINT", () => {});
  Deno.addSignalListener("SIGTERM", () => sendSignal(child, "SIGINT"));
  return (await child.status).code;
});
