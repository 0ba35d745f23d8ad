import type { JsonObject } from "../json.ts";
import type { Clock } from "../system.ts";
import type { LimitName, Limits } from "../wire/limits.ts";
import type { BudgetHost } from "./host.ts";
import { LargeLines } from "./large_lines.ts";
import { MemoryBudget } from "./memory_budget.ts";

/** Bytes of the buffers for incoming lines, of all connections: half of a role's heap. */
const BUFFERED_BYTES_MAX = 128 * 1024 * 1024;
/** Characters of unread replies, of all connections; `unread_bytes` if that is more. */
const UNREAD_MAX = 32 * 1024 * 1024;

/** What the budgets ask of a connection. */
export interface Budgeted {
  /** Bytes of its buffer for incoming lines. */
  readonly buffered: number;
  /** Characters of replies that its peer has not read yet. */
  readonly unread: number;
  close(): void;
}

/**
 * What all connections take together. Beyond a budget the connection that takes the most of it is
 * closed without a last line: its peer does not read, or sends a line without an end. Against peers that
 * each stay within their own limits, and fill the heap together; shown by
 * `tests/lib/server/budgets_test.ts`.
 */
export class Budgets implements BudgetHost, Disposable {
  readonly #connections: () => Iterable<Budgeted>;
  readonly #onLimitExceeded: (limit: LimitName) => void;
  readonly #unreadMax: number;
  readonly #memory = new MemoryBudget();
  readonly #largeLines: LargeLines;
  #buffered = 0;
  #unread = 0;

  constructor(
    { unread_bytes }: Pick<Limits, "unread_bytes">,
    clock: Clock,
    connections: () => Iterable<Budgeted>,
    onLimitExceeded: (limit: LimitName) => void,
  ) {
    this.#unreadMax = Math.max(UNREAD_MAX, unread_bytes);
    this.#largeLines = new LargeLines(clock);
    this.#connections = connections;
    this.#onLimitExceeded = onLimitExceeded;
  }

  reserve(body: JsonObject, first: boolean): (() => void) | undefined {
    return this.#memory.reserve(body, first);
  }

  takeLine<T>(bytes: number, work: () => Promise<T>, ended: AbortSignal): Promise<T> {
    return this.#largeLines.take(bytes, work, ended);
  }

  nextBlock(bytes: number, ended: AbortSignal): Promise<void> | undefined {
    return this.#largeLines.nextBlock(bytes, ended);
  }

  onBuffered(bytes: number): void {
    this.#buffered += bytes;
    if (bytes <= 0 || this.#buffered <= BUFFERED_BYTES_MAX) return;
    this.#onLimitExceeded("line_bytes");
    this.#closeLargest(({ buffered }) => buffered);
  }

  onUnread(chars: number): void {
    this.#unread += chars;
    if (chars <= 0 || this.#unread <= this.#unreadMax) return;
    this.#onLimitExceeded("unread_bytes");
    this.#closeLargest(({ unread }) => unread);
  }

  /** Lets nobody wait for a turn any more. */
  [Symbol.dispose](): void {
    this.#largeLines[Symbol.dispose]();
  }

  #closeLargest(sizeOf: (connection: Budgeted) => number): void {
    const connections = [...this.#connections()];
    connections.reduce((largest, each) => sizeOf(each) > sizeOf(largest) ? each : largest).close();
  }
}
