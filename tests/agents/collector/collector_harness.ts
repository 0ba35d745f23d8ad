import { collect } from "../../../agents/collector/collect.ts";
import {
  type CollectInput,
  type CollectOutput,
  type Cursor,
  Note,
} from "../../../agents/collector/collect_shapes.ts";
import type { CollectorConfig } from "../../../agents/collector/config.ts";
import { recall } from "../../../agents/collector/recall.ts";
import { Scanner, type ScanOutput } from "../../../agents/collector/scan.ts";
import type { Context } from "../../../agents/define.ts";
import { Page } from "../../../agents/shapes.ts";
import { MapDraft } from "../map_draft.ts";

const PAGES_MAX = 100;

/** An inbox in a temporary folder, and the collector's ops on it with a clock that stands still. */
export class CollectorHarness implements AsyncDisposable {
  readonly memory = new MapDraft();
  readonly inbox: string;
  /** Time of change that `write()` gives a file, in ms. A file is settled if `now` is later. */
  written = 1_000_000;
  now = 2_000_000;
  readonly config: CollectorConfig;
  #note: string | undefined;
  readonly #scanner: Scanner;

  constructor(inbox: string) {
    this.inbox = inbox;
    this.config = { inbox, now: () => this.now };
    this.#scanner = new Scanner(this.config);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.inbox, { recursive: true });
  }

  async write(path: string, content: string | Uint8Array, append = false): Promise<void> {
    const at = `${this.inbox}/${path}`;
    await Deno.mkdir(at.slice(0, at.lastIndexOf("/")), { recursive: true });
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await Deno.writeFile(at, bytes, { append });
    await Deno.utime(at, this.written / 1000, this.written / 1000);
  }

  async collect(input: CollectInput): Promise<CollectOutput> {
    this.#note = undefined;
    return await collect(this.config, input, this.#context());
  }

  /** Collects until the cursor is null. Throws if it never is. */
  async pages(input: CollectInput): Promise<Page[]> {
    const pages: Page[] = [];
    let cursor: Cursor | undefined;
    do {
      const answer = await this.collect({ ...input, cursor });
      if (pages.push(Page.parse(answer.page)) > PAGES_MAX) throw new Error("Pages without an end");
      cursor = answer.cursor ?? undefined;
    } while (cursor !== undefined);
    return pages;
  }

  async texts(input: CollectInput): Promise<string[]> {
    return (await this.pages(input)).map((page) => page.text);
  }

  /** Recalls the last answer of `collect()`. */
  async recall(input: CollectInput): Promise<CollectOutput> {
    const note = Note.parse(JSON.parse(this.#note ?? "null"));
    return await recall(this.config, input, note, new AbortController().signal);
  }

  async scan(settle_ms?: number): Promise<ScanOutput> {
    return await this.#scanner.scan({ settle_ms }, this.#context());
  }

  #context(): Context {
    return {
      task: "t1",
      memory: this.memory,
      signal: new AbortController().signal,
      note: (value) => this.#note = JSON.stringify(value),
    };
  }
}

export async function openHarness(): Promise<CollectorHarness> {
  return new CollectorHarness(await Deno.makeTempDir({ prefix: "baton-inbox-" }));
}
