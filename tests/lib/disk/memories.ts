import type { ExitError } from "../../../lib/exit.ts";
import { Memory, type MemoryOptions } from "../../../lib/disk/memory.ts";
import type { Json } from "../../../lib/json.ts";

export type State = Map<string, Json>;

export function openMemory(
  folder: string,
  options: Partial<MemoryOptions> = {},
): Promise<Memory> {
  return Memory.open({ folder, role: "tester", log: () => {}, onFailed: () => {}, ...options });
}

export function stateOf(memory: Memory): State {
  return new Map(memory.entries(""));
}

/** What a folder gives when it is opened, and afterwards once more. */
export async function recovered(folder: string): Promise<State> {
  const states: State[] = [];
  for (let time = 0; time < 2; time++) {
    await using memory = await openMemory(folder);
    states.push(stateOf(memory));
  }
  const [first, second] = states.map((state) => JSON.stringify([...state].sort()));
  if (first !== second) throw new Error(`Opening changed ${first} to ${second}`);
  return states[0];
}

/** Why a folder is refused. */
export async function refusal(
  folder: string,
  options: Partial<MemoryOptions> = {},
): Promise<ExitError> {
  try {
    await using _ = await openMemory(folder, options);
  } catch (error) {
    return error as ExitError;
  }
  throw new Error("It opened");
}
