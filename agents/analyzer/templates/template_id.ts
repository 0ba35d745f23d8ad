import { sha256 } from "../../../lib/digest.ts";

/** 48 bits: two of a stream's thousands of templates practically never share one. */
const ID_DIGITS = 12;

/** A template's id: the front of its text's SHA-256, the same in every run. */
export function templateId(text: string): string {
  return sha256(text, "hex").slice(0, ID_DIGITS);
}
