/**
 * Runs commands of the orchestrator on a terminal, with `script`.
 *
 * @module
 */
import type { Site } from "../../lib/launch/launch.ts";

const PROJECT = new URL("../../", import.meta.url).pathname;

/** What the dashboard, progress and colours are made of, and how a terminal ends a line. */
// deno-lint-ignore no-control-regex -- the escape codes that are its own
const OWN = /\x1b\[(?:\d+A|0J|2K|\?7[lh]|[\d;]*m)|\r\x1b\[2K|\r(?=\n)/g;

/** All that it writes to the terminal, without the escape codes that are its own. */
export async function onTerminal(site: Site, args: string[], seconds = 20): Promise<string> {
  const port = ["--port", String(site.ports.orchestrator)];
  const command = [
    Deno.execPath(),
    "run",
    "--quiet",
    "--no-check",
    `--config=${PROJECT}deno.json`,
    "--allow-all",
    `${PROJECT}orchestrator/main.ts`,
    ...args,
    ...port,
  ];
  const quoted = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  const { stdout } = await new Deno.Command("timeout", {
    args: ["--signal=INT", String(seconds), "script", "-qec", quoted, "/dev/null"],
    cwd: site.folder,
    env: { NO_COLOR: "", AUTH_TOKEN: "", AUTH_TOKEN_FILE: "", TERM: "xterm" },
    stdin: "null",
  }).output();
  return new TextDecoder().decode(stdout).replaceAll(OWN, "");
}
