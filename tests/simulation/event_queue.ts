/** Something that is due at a time. */
export interface Event {
  readonly at: number;
  /** Of two at the same time, the one that was asked for first comes first. */
  readonly sequence: number;
  /** Missing once it is not wanted any more. */
  callback: (() => void) | undefined;
}

/** Events by time, as a binary heap. */
export class EventQueue {
  readonly #heap: Event[] = [];

  push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = event;
  }

  /** The next one that is still wanted. */
  pop(): Event | undefined {
    for (let event; (event = this.#popAny()) !== undefined;) {
      if (event.callback !== undefined) return event;
    }
  }

  #popAny(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (heap.length === 0 || last === undefined) return first;
    let at = 0;
    for (let child; (child = 2 * at + 1) < heap.length;) {
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence);
}
