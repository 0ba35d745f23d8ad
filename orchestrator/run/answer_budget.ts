import { CodedError } from "../../lib/errors.ts";

/** Of all tasks: a quarter of the heap that a role has. */
const BYTES_MAX = 64 * 1024 * 1024;
const TASK_BYTES_MAX = 32 * 1024 * 1024;

/**
 * Memory for the agents' answers while tasks work with them. A task holds several answers of up to
 * 4 MB, which take twenty times that once they are parsed. A limit on tasks alone would let an agent
 * that was taken over fill the heap.
 */
export class AnswerBudget {
  /** Bytes by task, in the order in which the tasks began. */
  readonly #reserved = new Map<string, number>();
  #bytes = 0;

  /** Counts what a task that begins has in memory already, even if it is more than the budget. */
  begin(task: string, bytes: number): void {
    this.#count(task, bytes);
  }

  /**
   * Reserves memory for an answer. The task that began first always gets it within its own limit, so
   * that at least one task goes on.
   *
   * @throws {CodedError} `busy` until other tasks end, `bad_output` if it is too much for one task
   */
  reserve(task: string, bytes: number): void {
    if ((this.#reserved.get(task) ?? 0) + bytes > TASK_BYTES_MAX) {
      throw new CodedError(
        "bad_output",
        `Cannot keep the answers: they take more than ${TASK_BYTES_MAX} bytes of memory`,
      );
    }
    const [first = task] = this.#reserved.keys();
    if (task !== first && this.#bytes + bytes > BYTES_MAX) {
      throw new CodedError(
        "busy",
        "Cannot keep the answer now: the answers of other tasks take the memory",
      );
    }
    this.#count(task, bytes);
  }

  /** Gives back a part of what a task has reserved. */
  release(task: string, bytes: number): void {
    this.#count(task, -bytes);
  }

  /** Releases all that a task has reserved. */
  end(task: string): void {
    this.release(task, this.#reserved.get(task) ?? 0);
    this.#reserved.delete(task);
  }

  #count(task: string, bytes: number): void {
    this.#reserved.set(task, (this.#reserved.get(task) ?? 0) + bytes);
    this.#bytes += bytes;
  }
}
