/**
 * What one hostile connection does, as it can be kept in a file and done again.
 *
 * @module
 */
import type { Role } from "../../lib/roles.ts";
import { Buffer } from "node:buffer";

/** Bytes: as text, as base64, or as a text many times. */
export type Part = string | { readonly base64: string } | {
  readonly text: string;
  readonly times: number;
};

export interface SessionInput {
  /** Why it is kept. */
  readonly about?: string;
  readonly role: Role;
  /** Whether it proves first that it holds the secret. */
  readonly login: boolean;
  /** Each is one write. `TASK-THAT-IS-DONE` stands for a task of the orchestrator. */
  readonly writes: readonly Part[];
  /** What it does behind them: waits for answers, closes its own side, or is gone at once. */
  readonly end: "wait" | "half" | "gone";
  /** The code of the last answer, for an input that is kept. */
  readonly last?: string;
}

export const DONE_TASK = "TASK-THAT-IS-DONE";

const encoder = new TextEncoder();

export function bytesOf(part: Part): Uint8Array {
  if (typeof part === "string") return encoder.encode(part);
  if ("base64" in part) return Uint8Array.fromBase64(part.base64);
  return encoder.encode(part.text.repeat(part.times));
}

/** Bytes as they are best read. */
export function partOf(bytes: Uint8Array): Part {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return { base64: bytes.toBase64() };
  }
}

export function allBytes({ writes }: SessionInput): Uint8Array {
  return Buffer.concat(writes.map(bytesOf));
}
