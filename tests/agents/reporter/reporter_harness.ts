import { assertEquals, assertRejects } from "@std/assert";
import type { Context, Draft } from "../../../agents/define.ts";
import { reporter } from "../../../agents/reporter/reporter.ts";
import { Analysis, Report } from "../../../agents/shapes.ts";
import { CodedError } from "../../../lib/errors.ts";
import { MapDraft } from "../map_draft.ts";
import { analysis } from "./sample.ts";

/** The reporter on a temporary folder, with a memory that drops the changes of a failed request. */
export class ReporterHarness implements AsyncDisposable {
  readonly folder: string;
  memory = new MapDraft();
  readonly #ops;

  /** @param folder is removed with the harness */
  constructor(folder: string) {
    this.folder = folder;
    this.#ops = reporter(folder).ops;
  }

  /** Makes a harness on a new temporary folder. */
  static async make(): Promise<ReporterHarness> {
    return new ReporterHarness(await Deno.makeTempDir());
  }

  /** Reports on the sample analysis with some changes. */
  async report(task: string, changes: Partial<Analysis> = {}): Promise<Report> {
    const draft = this.memory.copy();
    const input = Analysis.parse(analysis(changes));
    const output = await this.#ops.report.handle(input, contextOf(task, draft));
    this.memory = draft;
    return Report.parse(output);
  }

  /** Sends a `read` request. */
  async read(task: string, format: string): Promise<string> {
    const input = this.#ops.read.input.parse({ task, format });
    const reply = await this.#ops.read.handle(input, contextOf("r", this.memory));
    return (reply as { text: string }).text;
  }

  /** Reads a file below the folder of reports. */
  file(path: string): Promise<string> {
    return Deno.readTextFile(`${this.folder}/reports/${path}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

function contextOf(task: string, memory: Draft): Context {
  return { task, memory, signal: new AbortController().signal, note() {} };
}

/** Asserts that work fails with a code. */
export async function assertCode(code: string, work: () => Promise<unknown>): Promise<void> {
  const error = await assertRejects(work, CodedError);
  assertEquals(error.code, code, error.message);
}
