import { CodedError } from "../../lib/errors.ts";
import type { Json, JsonObject } from "../../lib/json.ts";
import { backoffMs, sleep } from "../../lib/retry.ts";
import type { System } from "../../lib/system.ts";
import { isFinal, type State, type TaskEvent } from "../../orchestrator/tasks/task.ts";
import type { Remote } from "../../orchestrator/cli/remote.ts";
import type { Wanted } from "./roles.ts";

const PAGES_MAX = 12;
const BACKOFF = { baseMs: 50, maxMs: 2_000 };
/** The longest wait of one long-poll request. */
const POLL_MS = 5_000;

/** What a client knows about a task: its requests and the replies to them. */
export interface Record {
  readonly key: string;
  readonly wanted: Wanted;
  /** Whether the task was acknowledged; `unknown` if the client gave up before a reply. */
  acknowledged: "no" | "yes" | "unknown";
  /** The task's id, once it is acknowledged. */
  task?: string;
  /** The last reported state. */
  state?: State;
  /** Whether the client has requested a cancel. */
  cancelled: boolean;
  /** How many times finished calls may have been run again. */
  reruns: number;
  /** Whether the client has requested a retry. The request may arrive twice, and late. */
  retried: boolean;
  /** The reported result, once the task is done. */
  result?: JsonObject;
  /** All reported events, in order. */
  readonly events: TaskEvent[];
}

/** What a client needs to submit tasks. */
export interface ClientOptions {
  readonly name: string;
  readonly remote: Remote;
  readonly system: System;
  /** Whether the client submits another task. */
  readonly goesOn: () => boolean;
  /** Reports a violation. */
  readonly onFinding: (finding: string) => void;
}

/** Submits tasks one after another and follows each to its end, even if messages are lost. */
export class SimClient {
  readonly records: Record[] = [];
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Submits and follows tasks until `goesOn` returns false, then checks all of them again. */
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
    // A task that has ended must not change afterwards.
    for (const record of this.records) {
      if (record.task !== undefined) await this.#check(record, record.task);
    }
  }

  /** Submits until a reply arrives; sometimes gives up, and then the outcome stays unknown. */
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

  /** Follows the task to its end. Retries a dead task, unless it can never succeed. */
  async #follow(record: Record, task: string): Promise<void> {
    const cancelAt = this.#chance(0.1) ? this.#below(6) : Infinity;
    while (true) {
      const after = record.events.length;
      const reply = await this.#ask("events", { task, after, wait_ms: POLL_MS }, POLL_MS);
      this.#applyReply(record, reply);
      const ended = isFinal(reply.state as State) && record.events.length >= Number(reply.last);
      if (this.#chance(0.1)) await this.#askWhy(record, task);
      if (ended && !(await this.#retryDead(record, task))) break;
      if (record.events.length > cancelAt && !record.cancelled) await this.#cancel(record, task);
    }
    await this.#check(record, task);
  }

  /** Retries the task if it is dead; returns whether the client has to follow it again. */
  async #retryDead(record: Record, task: string): Promise<boolean> {
    const { state, wanted, cancelled, key } = record;
    const wantsRetry = wanted.poison ? record.reruns === 0 && this.#chance(0.5) : !cancelled;
    if (state !== "dead" || !wantsRetry) return false;
    const fromStage = wanted.poison || this.#chance(0.3);
    const from = this.#chance(0.5) ? "merge" : "collect";
    record.retried = true;
    const refusal = await this.#refused("retry", fromStage ? { task, from } : { task }, () => {
      if (fromStage) record.reruns += 2; // the network may duplicate the request
    });
    // An earlier copy of the request may have succeeded. The task may not have reached the merge.
    const stageMissing = fromStage ? ["invalid_input"] : [];
    const expected = [undefined, "conflict", "already_final", ...stageMissing];
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

  /** Adds the reported events to the record; none may be missing or duplicated. */
  #applyReply(record: Record, { events, state }: JsonObject): void {
    for (const event of events as unknown as TaskEvent[]) {
      if (event.seq !== record.events.length + 1) {
        this.#found(`${record.key}: event ${event.seq} comes after ${record.events.length}`);
      }
      record.events.push(event);
    }
    record.state = state as State;
  }

  /** Checks that the state, result and events are unchanged since the task ended. */
  async #check(record: Record, task: string): Promise<void> {
    const { key } = record;
    const { state, result } = await this.#ask("result", { task });
    const { events } = await this.#ask("events", { task });
    const later = (events as Json[]).slice(record.events.length) as unknown as TaskEvent[];
    // A retry that the client requested has arrived late.
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

  /** Sends the request until a reply arrives. */
  async #ask(type: string, body: JsonObject, waitMs = 0): Promise<JsonObject> {
    for (let attempt = 1;; attempt++) {
      const reply = await this.#askOnce(type, body, waitMs, attempt);
      if (reply !== undefined) return reply;
    }
  }

  /**
   * Sends the request until it succeeds or fails with a code that is not in `TRANSIENT`.
   *
   * @param onAttempt called before each attempt
   * @returns the error code, or undefined on success
   */
  async #refused(
    type: string,
    body: JsonObject,
    onAttempt: () => void = () => {},
  ): Promise<string | undefined> {
    const { remote } = this.#options;
    for (let attempt = 1;; attempt++) {
      onAttempt();
      try {
        await remote.ask(type, body);
        return undefined;
      } catch (error) {
        const { code } = expected(error);
        if (!TRANSIENT.has(code)) return code;
        await this.#pause(attempt);
      }
    }
  }

  /** Sends the request once. Without a reply it pauses and returns undefined. */
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
      if (!TRANSIENT.has(code)) this.#found(`${type} ${JSON.stringify(body)}: ${code}: ${message}`);
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

/** Error codes after which a client retries: they say nothing about the task. */
const TRANSIENT: ReadonlySet<string> = new Set([
  "agent_unreachable",
  "auth_failed", // the network may swap the lines of a handshake
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
