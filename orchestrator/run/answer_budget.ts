/**
 * What the agents' answers take of memory while tasks work with them. Each task may have several of
 * four megabytes, which take twenty times that once they are read, so the number of tasks alone would
 * let an agent that was taken over fill the heap.
 *
 * @module
 */
import { CodedError } from "../../lib/errors.ts";

/** Of all tasks, in bytes: a quarter of the heap that a role has. */
const BYTES_MAX = 64 * 1024 * 1024;
/** Of one task. */
const TASK_BYTES_MAX = 32 * 1024 * 1024;

export class AnswerBudget {
  /** By task, the one that began first in front. */
  readonly #held = new Map<string, number>();
  #bytes = 0;

  /** What is there already is held, whether there is room for it or not. */
  begin(task: string, bytes: number): void {
    this.#hold(task, bytes);
  }

  /**
   * Takes an answer. The task that began first always has room, so that one goes on.
   *
   * @throws {CodedError} `busy` where others have to end before, `bad_output` where it is too much for
   * one task
   */
  reserve(task: string, bytes: number): void {
    if ((this.#held.get(task) ?? 0) + bytes > TASK_BYTES_MAX) {
      const message =
        `Cannot keep the answers: they take more than ${TASK_BYTES_MAX} bytes of memory`;
      throw new CodedError("bad_output", message);
    }
    const [first = task] = this.#held.keys();
    if (task !== first && this.#bytes + bytes > BYTES_MAX) {
      throw new CodedError(
        "busy",
        "Cannot keep the answer now: those of other tasks take the memory",
      );
    }
    this.#hold(task, bytes);
  }

  release(task: string, bytes: number): void {
    this.#hold(task, -bytes);
  }

  end(task: string): void {
    this.release(task, this.#held.get(task) ?? 0);
    this.#held.delete(task);
  }

  #hold(task: string, bytes: number): void {
    this.#held.set(task, (this.#held.get(task) ?? 0) + bytes);
    this.#bytes += bytes;
  }
}
