/**
 * Decides which paths may name something in the inbox.
 *
 * @module
 */
import { CodedError } from "../../../lib/errors.ts";

/** The longest path below the inbox, in characters. A page's `source` holds no more. */
export const PATH_CHARS_MAX = 256;

/**
 * Splits a path or a glob that stays below the inbox into its segments.
 *
 * @throws {CodedError} `invalid_input` for every other path, with the reason
 */
export function inboxPath(path: string): string[] {
  const reason = reasonAgainst(path);
  if (reason !== undefined) refuse(path, reason);
  return path.split("/");
}

/** Throws `invalid_input`. The reason says what is wrong and, if possible, what to do instead. */
export function refuse(path: string, reason: string): never {
  throw new CodedError("invalid_input", `Cannot collect ${JSON.stringify(path)}: ${reason}`);
}

function reasonAgainst(path: string): string | undefined {
  if (path.length > PATH_CHARS_MAX) return `longer than ${PATH_CHARS_MAX} characters`;
  if (path.includes("\0")) return "a NUL character in the path";
  if (path.includes("\\")) return 'a backslash in the path; write "/" between folders';
  if (path.startsWith("/")) return "an absolute path; name it relative to the inbox";
  const segments = path.split("/");
  if (segments.includes("..")) return 'a ".." in the path; name a file inside the inbox';
  if (segments.includes(".") || segments.includes("")) {
    return 'an empty or "." segment in the path; write it like "logs/shop.log"';
  }
}

const HIDDEN_OR_TEMPORARY = /^\.|\.(tmp|part|swp)$|~$/;

/** Whether a name marks its file as hidden or as still being written. */
export function isHiddenOrTemporary(name: string): boolean {
  return HIDDEN_OR_TEMPORARY.test(name);
}
