/**
 * Planted defects, which prove that the simulation finds defects of their kind.
 *
 * @module
 */
import type { Memory } from "../../lib/disk/memory.ts";
import type { Orchestrator } from "../../orchestrator/orchestrator.ts";
import type { Mutant } from "./simulation.ts";

/** The planted defects by name. */
export const MUTANTS: Readonly<Record<string, Mutant>> = {
  "a disk whose syncs do nothing": ({ nodes: [{ machine }] }) => {
    machine.disk.unfaithful = true;
  },
  "answers that leave before they are on disk": inEach((_orchestrator, memory) => {
    const commit = memory.commit.bind(memory);
    memory.commit = (changes, options) => {
      commit(changes, options).catch(() => {}); // the defect: no reply waits for the commit
      return Promise.resolve();
    };
  }),
  "a request with another id at each attempt": inEach(({ agents }) => {
    const call = agents.call.bind(agents);
    let calls = 0;
    agents.call = (agent, type, body, options) =>
      call(agent, type, body, { ...options, id: `${options.id}.try${++calls}` });
  }),
  "events that are sent twice": inEach(({ taskLog }) => {
    const events = taskLog.events.bind(taskLog);
    taskLog.events = (id, after) => events(id, after > 3 ? after - 1 : after);
  }),
  "a task that nobody runs": inEach(({ scheduler }) => {
    const add = scheduler.add.bind(scheduler);
    let count = 0;
    scheduler.add = async (create) => ++count % 5 === 0 ? await create() : await add(create);
  }),
};

/** Applies the change to the orchestrator each time that its process starts. */
function inEach(change: (orchestrator: Orchestrator, memory: Memory) => void): Mutant {
  return ({ timeline, nodes: [node] }) => {
    let changed: unknown;
    const poll = (): void => {
      timeline.after(1, poll);
      const { service, memory } = node;
      if (service === undefined || service === changed) return;
      changed = service;
      change(service as unknown as Orchestrator, memory!);
    };
    poll();
  };
}
