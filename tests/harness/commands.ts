/**
 * Runs many commands of the orchestrator in one process, since a process for each would take most of
 * a test's time.
 *
 * @module
 */
import type { Site } from "../../lib/launch/launch.ts";

/** What a process or a command wrote, and its exit code. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program: takes its commands from its argument, or else from the lines of stdin. */
export const COMMANDS_MAIN = new URL("./commands_main.ts", import.meta.url).pathname;
const EXIT_LINE = /--- exit code (\d+) ---\n/;

/** The line that follows the output of each command. */
export function exitLine(code: number): string {
  return `--- exit code ${code} ---\n`;
}

/** Splits what the commands have written; returns the output and the exit code of each. */
export function splitOutput(written: string): { output: string; code: number }[] {
  const parts = written.split(EXIT_LINE);
  const count = (parts.length - 1) / 2;
  return Array.from({ length: count }, (_, at) => {
    return { output: parts[2 * at], code: Number(parts[2 * at + 1]) };
  });
}

/** The variables with which commands ask the orchestrator of a site. */
export function commandEnv({ ports }: Site): Record<string, string> {
  return { AUTH_TOKEN: "", AUTH_TOKEN_FILE: "", BATON_PORT: String(ports.orchestrator) };
}

/** A process that stays, and runs one command after the other. */
export class Commands implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stdout: Outputs;
  readonly #stderr: Outputs;
  #last: Promise<unknown> = Promise.resolve();

  /** @param command starts `COMMANDS_MAIN` without an argument, with all three streams piped */
  constructor(command: Deno.Command) {
    this.#child = command.spawn();
    this.#stdin = this.#child.stdin.getWriter();
    this.#stdout = new Outputs(this.#child.stdout);
    this.#stderr = new Outputs(this.#child.stderr);
  }

  /** Runs a command after all earlier ones. */
  run(args: readonly string[]): Promise<Ran> {
    const ran = this.#last.then(() => this.#run(args));
    this.#last = ran.catch(() => {});
    return ran;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    await this.#stdin.close();
    await this.#child.status;
    await Promise.all([this.#stdout.close(), this.#stderr.close()]);
  }

  async #run(args: readonly string[]): Promise<Ran> {
    await this.#stdin.write(new TextEncoder().encode(JSON.stringify(args) + "\n"));
    const [out, err] = await Promise.all([this.#stdout.next(), this.#stderr.next()]);
    return { code: out.code, stdout: out.output, stderr: err.output };
  }
}

/** What each command wrote to one stream. */
class Outputs {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.pipeThrough(new TextDecoderStream() as TransformStream).getReader();
  }

  async next(): Promise<{ output: string; code: number }> {
    while (true) {
      const [first] = splitOutput(this.#text);
      if (first !== undefined) {
        this.#text = this.#text.slice(first.output.length + exitLine(first.code).length);
        return first;
      }
      const { done, value } = await this.#reader.read();
      if (done) throw new Error(`The process of the commands has ended: ${this.#text}`);
      this.#text += value;
    }
  }

  close(): Promise<void> {
    return this.#reader.cancel();
  }
}
