/**
 * `deno task orchestrator …`, `deno task collector …` and so on: one role with its own permissions.
 *
 * @module
 */
import { variable } from "../config.ts";
import { runProgram } from "../program.ts";
import { PORTS, type Role } from "../roles.ts";
import { launch } from "./launch.ts";

await runProgram("role", async () => {
  const [role, ...args] = Deno.args;
  const inbox = variable("BATON_INBOX") ?? "inbox";
  const site = { folder: Deno.cwd(), ports: PORTS, inbox };
  const io = { stdin: "inherit", stdout: "inherit", stderr: "inherit" } as const;
  for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, () => {});
  return (await launch(role as Role, site, { args, ...io }).status).code;
});
