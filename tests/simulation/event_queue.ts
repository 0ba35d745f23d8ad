/** A callback that is due at a point in virtual time. */
export interface Event {
  /** When it is due, in ms. */
  readonly at: number;
  /** Orders events that are due at the same time: first scheduled, first called. */
  readonly sequence: number;
  /** Undefined after the event is cancelled. */
  callback: (() => void) | undefined;
}

/** A priority queue of events by time, as a binary heap. */
export class EventQueue {
  readonly #heap: Event[] = [];

  /** Adds an event. */
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

  /** Removes and returns the earliest event that is not cancelled. */
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
