/**
 * Which paths may name something in the inbox.
 *
 * @module
 */
import { CodedError } from "../../../lib/errors.ts";

/** The longest path below the inbox, in characters: what a page's `source` may hold. */
export const PATH_CHARS_MAX = 256;

/**
 * Gives the segments of a path or a glob that stays below the inbox.
 *
 * @throws {CodedError} `invalid_input` for every other path, with the reason
 */
export function inboxPath(path: string): string[] {
  const reason = whyNot(path);
  if (reason !== undefined) refuse(path, reason);
  return path.split("/");
}

/** Ends with `invalid_input`; the reason says what is wrong and, where there is one, the way out. */
export function refuse(path: string, reason: string): never {
  throw new CodedError("invalid_input", `Cannot collect ${JSON.stringify(path)}: ${reason}`);
}

function whyNot(path: string): string | undefined {
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

const TEMPORARY = /^\.|\.(tmp|part|swp)$|~$/;

/** Whether a name says that its file is hidden or still being written. */
export function isPassing(name: string): boolean {
  return TEMPORARY.test(name);
}
