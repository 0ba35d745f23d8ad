import { sha256 } from "../../../lib/digest.ts";

/** 48 bits: two of the thousands of templates of a stream practically never share an id. */
const ID_DIGITS = 12;

/** Returns a template's id, the same in every run: the first digits of the SHA-256 of its text. */
export function templateId(text: string): string {
  return sha256(text, "hex").slice(0, ID_DIGITS);
}
