/**
 * Commands of the orchestrator on a terminal, which `script` provides.
 *
 * @module
 */
import { runFromSources, type Site } from "../../lib/launch/launch.ts";
import { commandEnv, COMMANDS_MAIN, splitOutput } from "../harness/commands.ts";
import { within } from "../harness/waiting.ts";

/** The escape codes that the command line uses itself, and the end of a line on a terminal. */
// deno-lint-ignore no-control-regex -- the escape codes that are its own
const OWN = /\x1b\[(?:\d+A|0J|2K|\?7[lh]|[\d;]*m)|\r\x1b\[2K|\r(?=\n)/g;
/** The dashboard goes up to draw over itself: its first picture is complete. */
// deno-lint-ignore no-control-regex -- the escape code of the dashboard
const REDRAWN = /\x1b\[\d+A/;

/** Runs commands one after the other; returns what each shows, without their own escape codes. */
export async function onTerminal(
  site: Site,
  commands: readonly (readonly string[])[],
): Promise<string[]> {
  await using terminal = new Terminal(site, commands);
  const shown = splitOutput((await terminal.ended()).replaceAll(OWN, ""));
  if (shown.length !== commands.length) {
    throw new Error(`${shown.length} of ${commands.length} commands have ended`);
  }
  return shown.map(({ output }) => output);
}

/** Returns the first picture of the dashboard, without its own escape codes. */
export async function dashboardOnTerminal(site: Site): Promise<string> {
  await using terminal = new Terminal(site, [["dashboard"]]);
  await terminal.until((written) => REDRAWN.test(written));
  await terminal.interrupt();
  const [{ output, code }] = splitOutput((await terminal.ended()).replaceAll(OWN, ""));
  if (code !== 0) throw new Error(`The dashboard has ended with ${code}`);
  return output;
}

class Terminal implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #read: Promise<void>;
  #written = "";
  #isOver = false;
  #changed = Promise.withResolvers<void>();

  constructor(site: Site, commands: readonly (readonly string[])[]) {
    const deno = [Deno.execPath(), ...runFromSources("orchestrator", site)];
    const quoted = [...deno, COMMANDS_MAIN, JSON.stringify(commands)]
      .map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
    this.#child = new Deno.Command("script", {
      args: ["-qec", quoted.join(" "), "/dev/null"],
      cwd: site.folder,
      env: { ...commandEnv(site), NO_COLOR: "", TERM: "xterm" },
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#read = this.#readAll();
  }

  /** Types Ctrl-C. */
  async interrupt(): Promise<void> {
    const keyboard = this.#child.stdin.getWriter();
    await keyboard.write(new Uint8Array([3]));
    keyboard.releaseLock();
  }

  async until(holds: (written: string) => boolean): Promise<void> {
    while (!holds(this.#written)) {
      if (this.#isOver) throw new Error(`The command has ended: ${this.#written}`);
      await within(this.#changed.promise, "a terminal to show more");
    }
  }

  async ended(): Promise<string> {
    await within(Promise.all([this.#read, this.#child.status]), "a terminal to end");
    return this.#written;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch { /* it has ended */ }
    await this.ended();
    await this.#child.stdin.close();
  }

  async #readAll(): Promise<void> {
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      this.#written += text;
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
    this.#isOver = true;
    this.#changed.resolve();
  }
}
