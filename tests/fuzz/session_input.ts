/**
 * What one hostile connection does, in a form that a file of the corpus can hold.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Role } from "../../lib/roles.ts";

/** Bytes: as text, as base64, or as a repeated text. */
export type Part = string | { readonly base64: string } | {
  readonly text: string;
  readonly times: number;
};

export interface SessionInput {
  /** Why it is in the corpus. */
  readonly about?: string;
  /** The role to connect to. */
  readonly role: Role;
  /** Whether it logs in first. */
  readonly login: boolean;
  /** Each part is one write. `TASK-THAT-IS-DONE` stands for a task of the orchestrator. */
  readonly writes: readonly Part[];
  /** After the writes it waits for replies, closes its own side, or hangs up at once. */
  readonly end: "wait" | "half" | "gone";
  /** The code of the last reply, for an input of the corpus. */
  readonly last?: string;
}

/** Stands for the id of a task of the orchestrator that is done. */
export const DONE_TASK = "TASK-THAT-IS-DONE";

const encoder = new TextEncoder();

/** Returns the bytes of a part. */
export function bytesOf(part: Part): Uint8Array {
  if (typeof part === "string") return encoder.encode(part);
  if ("base64" in part) return Uint8Array.fromBase64(part.base64);
  return encoder.encode(part.text.repeat(part.times));
}

/** Returns bytes as text if they are UTF-8, and otherwise as base64. */
export function partOf(bytes: Uint8Array): Part {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return { base64: bytes.toBase64() };
  }
}

/** Returns the bytes of all writes. */
export function allBytes({ writes }: SessionInput): Uint8Array {
  return Buffer.concat(writes.map(bytesOf));
}
