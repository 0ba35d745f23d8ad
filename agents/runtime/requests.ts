/**
 * What an agent remembers of the requests that it has received: an entry each, with the answer. The
 * entries are kept in its memory, beside the handlers' state. The oldest are forgotten.
 *
 * @module
 */
import { CodedError } from "../../lib/errors.ts";
import type { Changes, Memory } from "../../lib/disk/memory.ts";
import type { Json, JsonObject } from "../../lib/json.ts";
import { type Clock, SYSTEM } from "../../lib/system.ts";
import { estimateBytes } from "../../lib/json_size.ts";

/** How many entries are kept, and how long. The oldest beyond a bound are forgotten. */
export interface RetentionBounds {
  /** Entries. */
  readonly requests: number;
  /** Estimated size of all entries in memory; see `estimateBytes()`. */
  readonly bytes: number;
  readonly ageMs: number;
}

const RETENTION_DEFAULT: RetentionBounds = {
  requests: 10_000,
  bytes: 64 * 1024 * 1024,
  ageMs: 7 * 24 * 3_600_000,
};

const PREFIX = "request/";

/** What an answered request is answered with again: the reply itself, or the note for `recall`. */
export type StoredAnswer = { readonly reply: JsonObject } | { readonly note: Json };

/** A request as it is stored. */
export type RequestEntry = {
  readonly op: string;
  /** The op and a digest of the body. The same id with another body is a conflict. */
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

interface Tracked {
  readonly bytes: number;
  /** When the request was received, in ms since 1970. */
  readonly at: number;
}

/** The entries of one memory, and the counts that keep them within their bounds. */
export class Requests {
  readonly #memory: Memory;
  readonly #bounds: RetentionBounds;
  readonly #clock: Clock;
  /** Size and age of each entry in memory, oldest first. */
  #tracked = new Map<string, Tracked>();
  #bytes = 0;
  /** By call, the latest generation that has an entry. */
  #generations = new Map<string, number>();
  /** The memory's epoch for which the counts are right. */
  #epoch = -1;

  /** @param bounds absence means 10,000 entries, 64 MiB and 7 days */
  constructor(memory: Memory, { bounds = RETENTION_DEFAULT, clock = SYSTEM.clock } = {}) {
    this.#memory = memory;
    this.#clock = clock;
    this.#bounds = bounds;
    this.#recount();
  }

  /** Returns the entry of an answered request, or `undefined` if there is none. */
  answered(id: string): RequestEntry | undefined {
    const entry = this.#memory.get(PREFIX + id) as RequestEntry | undefined;
    return entry?.state === "done" ? entry : undefined;
  }

  /** Whether a later generation of the same call has begun. */
  isSuperseded(id: string): boolean {
    const { call, generation } = parseId(id);
    return (this.#generations.get(call) ?? 0) > generation;
  }

  /** Stores that a handler begins, and returns the entry for `finish()` or `fail()`. */
  begin(id: string, op: string, digest: string, bytesIn: number): RequestEntry {
    const received_at = this.#clock.date().toISOString();
    const entry = { op, digest, received_at, state: "running", bytes_in: bytesIn } as const;
    this.#commitLazily(id, entry);
    return entry;
  }

  /**
   * Commits a handler's changes and its answer in one record; resolves when they are on disk.
   *
   * @throws {CodedError} what `Memory.commit()` throws
   */
  async finish(
    id: string,
    begun: RequestEntry,
    changes: Changes,
    { ms, bytesOut, answer }: { ms: number; bytesOut: number; answer: StoredAnswer },
  ): Promise<void> {
    const entry: RequestEntry = { ...begun, state: "done", ms, bytes_out: bytesOut, ...answer };
    await this.#memory.commit(new Map([...changes, ...this.#changesFor(id, entry)]));
  }

  /** Stores that a handler failed, and with which code. The next try runs the handler again. */
  fail(id: string, begun: RequestEntry, ms: number, error: unknown): void {
    const code = error instanceof CodedError ? error.code : "handler_failed";
    this.#commitLazily(id, { ...begun, state: "failed", ms, error: code });
  }

  #commitLazily(id: string, entry: RequestEntry): void {
    this.#memory.commit(this.#changesFor(id, entry), { lazy: true })
      .catch(() => {}); // the journal has logged it, and nothing depends on the entry
  }

  /** Returns the entry, and the removal of the oldest entries beyond the bounds. */
  #changesFor(id: string, entry: RequestEntry): Map<string, Json | undefined> {
    const changes = new Map<string, Json | undefined>([[PREFIX + id, entry]]);
    const now = this.#clock.date().getTime();
    if (this.#memory.epoch !== this.#epoch) this.#recount();
    this.#track(PREFIX + id, estimateBytes(entry), now);
    const { requests, bytes: bytesMax, ageMs } = this.#bounds;
    for (const [key, { bytes, at }] of this.#tracked) {
      const fits = this.#tracked.size <= requests && this.#bytes <= bytesMax;
      if ((fits && now - at <= ageMs) || key === PREFIX + id) break;
      this.#tracked.delete(key);
      this.#bytes -= bytes;
      changes.set(key, undefined);
      const { call, generation } = parseId(key.slice(PREFIX.length));
      if (this.#generations.get(call) === generation) this.#generations.delete(call);
    }
    return changes;
  }

  /** After a rollback the counts are stale: rolled-back entries are gone and forgotten ones are back. */
  #recount(): void {
    const before = this.#tracked;
    this.#epoch = this.#memory.epoch;
    this.#tracked = new Map();
    this.#bytes = 0;
    this.#generations = new Map();
    const entries = [...this.#memory.entries(PREFIX)].map(([key, entry]) => ({
      key,
      bytes: before.get(key)?.bytes ?? estimateBytes(entry),
      at: Date.parse((entry as RequestEntry).received_at),
    }));
    entries.sort((a, b) => a.at - b.at);
    for (const { key, bytes, at } of entries) this.#track(key, bytes, at);
  }

  #track(key: string, bytes: number, at: number): void {
    this.#bytes += bytes - (this.#tracked.get(key)?.bytes ?? 0);
    this.#tracked.delete(key); // so that it becomes the last
    this.#tracked.set(key, { bytes, at });
    const { call, generation } = parseId(key.slice(PREFIX.length));
    this.#generations.set(call, Math.max(generation, this.#generations.get(call) ?? 0));
  }
}

/** Splits an id: `t7.r2.merge` is generation 2 of the call `t7.merge`, which itself is generation 1. */
function parseId(id: string): { call: string; generation: number } {
  const [, task, generation, rest] = /^([^.]+)\.r(\d{1,9})\.(.+)$/.exec(id) ?? [];
  return task === undefined
    ? { call: id, generation: 1 }
    : { call: `${task}.${rest}`, generation: Number(generation) };
}
