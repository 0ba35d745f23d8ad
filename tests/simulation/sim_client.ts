import { CodedError } from "../../lib/errors.ts";
import type { Json, JsonObject } from "../../lib/json.ts";
import { backoffMs, sleep } from "../../lib/retry.ts";
import type { System } from "../../lib/system.ts";
import { isFinal, type State, type TaskEvent } from "../../orchestrator/tasks/task.ts";
import type { Remote } from "../../orchestrator/cli/remote.ts";
import type { Wanted } from "./roles.ts";

const PAGES_MAX = 12;
const BACKOFF = { baseMs: 50, maxMs: 2_000 };
/** How long one question may wait for something to happen. */
const POLL_MS = 5_000;

/** What a client knows of a task: what it asked for, and what it was told. */
export interface Record {
  readonly key: string;
  readonly wanted: Wanted;
  /** Whether the task was acknowledged; `unknown` where the client gave up on an answer. */
  acknowledged: "no" | "yes" | "unknown";
  task?: string;
  /** The last state that it was told of. */
  state?: State;
  /** Whether the client has asked to cancel it. */
  cancelled: boolean;
  /** How often calls may have been run anew that were through. */
  reruns: number;
  /** Whether it was to be tried again: what asks for that may come twice, and late. */
  retried: boolean;
  result?: JsonObject;
  readonly events: TaskEvent[];
}

export interface ClientOptions {
  readonly name: string;
  readonly remote: Remote;
  readonly system: System;
  /** Whether there is to be another task. */
  readonly goesOn: () => boolean;
  readonly onFinding: (finding: string) => void;
}

/** Submits tasks one after the other and follows each to its end, whatever is lost on the way. */
export class SimClient {
  readonly records: Record[] = [];
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { name, goesOn } = this.#options;
    for (let number = 0; goesOn(); number++) {
      const wanted = {
        name: `${name}-${number}`,
        pages: 1 + this.#below(this.#chance(0.2) ? PAGES_MAX : 3),
        poison: this.#chance(0.05),
      };
      const record: Record = {
        key: wanted.name,
        wanted,
        acknowledged: "no",
        cancelled: false,
        reruns: 0,
        retried: false,
        events: [],
      };
      this.records.push(record);
      await this.#submit(record);
      if (record.task !== undefined) await this.#follow(record, record.task);
    }
    // Once more, after everything else: what has ended stays as it is.
    for (const record of this.records) {
      if (record.task !== undefined) await this.#check(record, record.task);
    }
  }

  /** Asks until it is answered, or gives up on it and never knows. */
  async #submit(record: Record): Promise<void> {
    const { key, wanted } = record;
    const body = { pipeline: "count", key, input: wanted, deadline_ms: 3_600_000 };
    const givesUp = this.#chance(0.1);
    let reply: JsonObject | undefined;
    do {
      reply = await this.#askOnce("submit", body);
      if (reply === undefined && givesUp) return void (record.acknowledged = "unknown");
    } while (reply === undefined);
    record.acknowledged = "yes";
    record.task = reply.task as string;
    if (this.#chance(0.2)) {
      const again = await this.#ask("submit", body);
      if (again.task !== record.task) this.#found(`${key} has two tasks`);
    }
    if (this.#chance(0.1)) {
      const other = { ...body, input: { ...wanted, pages: wanted.pages + 1 } };
      const refusal = await this.#refused("submit", other);
      if (refusal !== "conflict") this.#found(`${key} with other work gives ${refusal}`);
    }
  }

  /** Watches to the end; what is dead is tried again, unless it can never be done. */
  async #follow(record: Record, task: string): Promise<void> {
    const cancelAt = this.#chance(0.1) ? this.#below(6) : Infinity;
    while (true) {
      const after = record.events.length;
      const reply = await this.#ask("events", { task, after, wait_ms: POLL_MS }, POLL_MS);
      this.#take(record, reply);
      const ended = isFinal(reply.state as State) && record.events.length >= Number(reply.last);
      if (this.#chance(0.1)) await this.#askWhy(record, task);
      if (ended && !(await this.#triedAgain(record, task))) break;
      if (record.events.length > cancelAt && !record.cancelled) await this.#cancel(record, task);
    }
    await this.#check(record, task);
  }

  async #triedAgain(record: Record, task: string): Promise<boolean> {
    const { state, wanted, cancelled, key } = record;
    const isWanted = wanted.poison ? record.reruns === 0 && this.#chance(0.5) : !cancelled;
    if (state !== "dead" || !isWanted) return false;
    const anew = wanted.poison || this.#chance(0.3);
    const from = this.#chance(0.5) ? "merge" : "collect";
    record.retried = true;
    const refusal = await this.#refused("retry", anew ? { task, from } : { task }, () => {
      if (anew) record.reruns += 2; // the net may double it
    });
    // Asked twice, the first one may have done it; and it may not have come as far as to merge.
    const expected = [undefined, "conflict", "already_final", ...(anew ? ["invalid_input"] : [])];
    if (!expected.includes(refusal)) this.#found(`${key} can't be retried: ${refusal}`);
    return refusal !== "invalid_input" || !wanted.poison;
  }

  async #askWhy({ key }: Record, task: string): Promise<void> {
    const { because } = await this.#ask("why", { task });
    if ((because as string[]).length === 0) this.#found(`Nobody knows why ${key} is where it is`);
  }

  async #cancel(record: Record, task: string): Promise<void> {
    record.cancelled = true;
    const refusal = await this.#refused("cancel", { task });
    if (refusal !== undefined && refusal !== "already_final") {
      this.#found(`${record.key} can't be cancelled: ${refusal}`);
    }
  }

  /** What a client was told before stays so: no event is missed, doubled or changed. */
  #take(record: Record, { events, state }: JsonObject): void {
    for (const event of events as unknown as TaskEvent[]) {
      if (event.seq !== record.events.length + 1) {
        this.#found(`${record.key}: event ${event.seq} comes after ${record.events.length}`);
      }
      record.events.push(event);
    }
    record.state = state as State;
  }

  /** The task is as it was when it ended, and so are its events. */
  async #check(record: Record, task: string): Promise<void> {
    const { key } = record;
    const { state, result } = await this.#ask("result", { task });
    const { events } = await this.#ask("events", { task });
    const later = (events as Json[]).slice(record.events.length) as unknown as TaskEvent[];
    // Dead once more, or not yet: it was asked for.
    if (record.retried && later[0]?.kind === "retried") return await this.#follow(record, task);
    if (state !== record.state) this.#found(`${key} was ${record.state} and is ${state}`);
    if (JSON.stringify(events) !== JSON.stringify(record.events)) {
      this.#found(`${key} has other events than before`);
    }
    if (record.result !== undefined && JSON.stringify(record.result) !== JSON.stringify(result)) {
      this.#found(`${key} has another result than before`);
    }
    if (result !== null) record.result = result as JsonObject;
  }

  /** Asks until there is an answer. */
  async #ask(type: string, body: JsonObject, waitMs = 0): Promise<JsonObject> {
    for (let attempt = 1;; attempt++) {
      const reply = await this.#askOnce(type, body, waitMs, attempt);
      if (reply !== undefined) return reply;
    }
  }

  /** Asks until there is an answer that is no trouble of the way to it; gives its code, if it has one. */
  async #refused(
    type: string,
    body: JsonObject,
    onAsking: () => void = () => {},
  ): Promise<string | undefined> {
    const { remote } = this.#options;
    for (let attempt = 1;; attempt++) {
      onAsking();
      try {
        await remote.ask(type, body);
        return undefined;
      } catch (error) {
        const { code } = expected(error);
        if (!PASSING.has(code)) return code;
        await this.#pause(attempt);
      }
    }
  }

  /** Nothing where there was no answer, and after a while. */
  async #askOnce(
    type: string,
    body: JsonObject,
    waitMs = 0,
    attempt = 1,
  ): Promise<JsonObject | undefined> {
    try {
      return await this.#options.remote.ask(type, body, waitMs);
    } catch (error) {
      const { code, message } = expected(error);
      if (!PASSING.has(code)) this.#found(`${type} ${JSON.stringify(body)}: ${code}: ${message}`);
      await this.#pause(attempt);
    }
  }

  async #pause(attempt: number): Promise<void> {
    const { random, clock } = this.#options.system;
    await sleep(backoffMs(attempt, BACKOFF, random), undefined, clock);
  }

  #found(finding: string): void {
    this.#options.onFinding(finding);
  }

  #chance(chance: number): boolean {
    return this.#options.system.random() < chance;
  }

  #below(below: number): number {
    return Math.floor(this.#options.system.random() * below);
  }
}

/** Says that there is no answer yet, and nothing about the task. */
const PASSING: ReadonlySet<string> = new Set([
  "agent_unreachable",
  "auth_failed", // a greeting that arrived in another order
  "auth_required",
  "bad_request",
  "busy",
  "cancelled",
  "deadline_exceeded",
  "draining",
  "queue_full",
  "slow_reader",
  "storage_failed",
  "storage_full",
]);

function expected(error: unknown): CodedError {
  if (error instanceof CodedError) return error;
  throw error;
}
