/**
 * What an agent remembers of the requests it was asked: one entry a request, with its answer for as
 * long as it is kept.
 *
 * @module
 */
import { CodedError } from "../../lib/errors.ts";
import type { Changes, Memory } from "../../lib/disk/memory.ts";
import type { Json, JsonObject } from "../../lib/json.ts";
import { type Clock, SYSTEM } from "../../lib/system.ts";
import { estimateBytes } from "../../lib/json_size.ts";

/** How much is kept: what goes beyond is forgotten, the oldest first. */
export interface RetentionBounds {
  readonly requests: number;
  /** Of all entries together, in memory: see `weightOf()`. */
  readonly bytes: number;
  readonly ms: number;
}

const KEPT: RetentionBounds = {
  requests: 10_000,
  bytes: 64 * 1024 * 1024,
  ms: 7 * 24 * 3_600_000,
};

const PREFIX = "request/";

/** How an answered request is answered again: from the reply, or from the note for `recall`. */
export type StoredAnswer = { readonly reply: JsonObject } | { readonly note: Json };

/** A request as it stands in memory; times are for people. */
export type RequestEntry = {
  readonly op: string;
  /** The op and a digest of the body: another body under the same id is a conflict. */
  readonly digest: string;
  readonly received_at: string;
  readonly state: "running" | "done" | "failed";
  readonly bytes_in: number;
  readonly bytes_out?: number;
  readonly ms?: number;
  readonly error?: string;
  readonly reply?: JsonObject;
  readonly note?: Json;
};

interface Sized {
  readonly bytes: number;
  readonly at: number;
}

export class Requests {
  readonly #memory: Memory;
  readonly #bounds: RetentionBounds;
  readonly #clock: Clock;
  /** Size and age of each entry in memory, oldest first. */
  #kept = new Map<string, Sized>();
  #bytes = 0;
  /** By call, the latest run that there is an entry of. */
  #runs = new Map<string, number>();
  #epoch = -1;

  constructor(memory: Memory, { bounds = KEPT, clock = SYSTEM.clock } = {}) {
    this.#memory = memory;
    this.#clock = clock;
    this.#bounds = bounds;
    this.#recount();
  }

  /** The entry of a request that was answered, if it is still kept. */
  answered(id: string): RequestEntry | undefined {
    const entry = this.#memory.get(PREFIX + id) as RequestEntry | undefined;
    return entry?.state === "done" ? entry : undefined;
  }

  /** Whether a later run of the same call has begun: one that comes this late must not run as well. */
  isSuperseded(id: string): boolean {
    const { call, run } = runOf(id);
    return (this.#runs.get(call) ?? 0) > run;
  }

  /** Notes that a handler begins. */
  begin(id: string, op: string, digest: string, bytesIn: number): RequestEntry {
    const received_at = this.#clock.date().toISOString();
    const entry = { op, digest, received_at, state: "running", bytes_in: bytesIn } as const;
    this.#commitLazily(id, entry);
    return entry;
  }

  /** Commits a handler's changes and its answer; resolves when both are on disk. */
  async finish(
    id: string,
    begun: RequestEntry,
    changes: Changes,
    { ms, bytesOut, kept }: { ms: number; bytesOut: number; kept: StoredAnswer },
  ): Promise<void> {
    const entry: RequestEntry = { ...begun, state: "done", ms, bytes_out: bytesOut, ...kept };
    await this.#memory.commit(new Map([...changes, ...this.#change(id, entry)]));
  }

  /** Notes that a handler failed: the next try runs it again. */
  fail(id: string, begun: RequestEntry, ms: number, error: unknown): void {
    const code = error instanceof CodedError ? error.code : "handler_failed";
    this.#commitLazily(id, { ...begun, state: "failed", ms, error: code });
  }

  #commitLazily(id: string, entry: RequestEntry): void {
    this.#memory.commit(this.#change(id, entry), { lazy: true })
      .catch(() => {}); // the journal has logged it, and nothing depends on the entry
  }

  /** The entry, and the removal of the oldest ones that have no room any more. */
  #change(id: string, entry: RequestEntry): Map<string, Json | undefined> {
    const changes = new Map<string, Json | undefined>([[PREFIX + id, entry]]);
    const now = this.#clock.date().getTime();
    if (this.#memory.epoch !== this.#epoch) this.#recount();
    this.#keep(PREFIX + id, estimateBytes(entry), now);
    const { requests, bytes: bytesMax, ms } = this.#bounds;
    for (const [key, { bytes, at }] of this.#kept) {
      const fits = this.#kept.size <= requests && this.#bytes <= bytesMax;
      if ((fits && now - at <= ms) || key === PREFIX + id) break;
      this.#kept.delete(key);
      this.#bytes -= bytes;
      changes.set(key, undefined);
      const { call, run } = runOf(key.slice(PREFIX.length));
      if (this.#runs.get(call) === run) this.#runs.delete(call);
    }
    return changes;
  }

  /** What was taken back is not there, and what was to be removed for it is. */
  #recount(): void {
    const before = this.#kept;
    this.#epoch = this.#memory.epoch;
    this.#kept = new Map();
    this.#bytes = 0;
    this.#runs = new Map();
    const found = [...this.#memory.entries(PREFIX)].map(([key, entry]) => ({
      key,
      bytes: before.get(key)?.bytes ?? estimateBytes(entry),
      at: Date.parse((entry as RequestEntry).received_at),
    }));
    found.sort((a, b) => a.at - b.at);
    for (const { key, bytes, at } of found) this.#keep(key, bytes, at);
  }

  #keep(key: string, bytes: number, at: number): void {
    this.#bytes += bytes - (this.#kept.get(key)?.bytes ?? 0);
    this.#kept.delete(key);
    this.#kept.set(key, { bytes, at });
    const { call, run } = runOf(key.slice(PREFIX.length));
    this.#runs.set(call, Math.max(run, this.#runs.get(call) ?? 0));
  }
}

/** `t7.r2.merge` is run 2 of the call `t7.merge`, and `t7.merge` is run 1 of it. */
function runOf(id: string): { call: string; run: number } {
  const [, task, run, rest] = /^([^.]+)\.r(\d{1,9})\.(.+)$/.exec(id) ?? [];
  return task === undefined ? { call: id, run: 1 } : { call: `${task}.${rest}`, run: Number(run) };
}
