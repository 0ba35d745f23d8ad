const QUOTE = 0x22, COMMA = 0x2c, COLON = 0x3a, BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b, CLOSE_ARRAY = 0x5d, OPEN_OBJECT = 0x7b, CLOSE_OBJECT = 0x7d;
const SPACES: readonly number[] = [0x20, 0x0a, 0x0d, 0x09];
/** A string holds no characters below this one. */
const CONTROL_END = 0x20;

const ESCAPE = /\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y;
const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/**
 * Whether a text is JSON (RFC 8259), so that `JSON.parse` accepts it. Asking first is cheaper: for
 * any other text `JSON.parse` throws, which costs as much as reading thousands of characters.
 */
export function isJson(text: string): boolean {
  /** The brackets that close the open arrays and objects, innermost last. */
  const closing: number[] = [];
  let at = skipSpace(text, 0);
  while (true) {
    const code = text.charCodeAt(at);
    if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      const close = code === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY;
      closing.push(close);
      at = skipSpace(text, at + 1);
      if (text.charCodeAt(at) !== close) {
        if (close === CLOSE_OBJECT) at = afterKey(text, at);
        if (at < 0) return false;
        continue;
      }
    } else {
      at = code === QUOTE ? afterString(text, at) : afterMatch(SCALAR, text, at);
      if (at < 0) return false;
      at = skipSpace(text, at);
    }
    // After a value, or at the end of an empty array or object.
    while (closing.length > 0 && text.charCodeAt(at) === closing.at(-1)) {
      closing.pop();
      at = skipSpace(text, at + 1);
    }
    if (closing.length === 0) return at === text.length;
    if (text.charCodeAt(at) !== COMMA) return false;
    at = skipSpace(text, at + 1);
    if (closing.at(-1) === CLOSE_OBJECT) at = afterKey(text, at);
    if (at < 0) return false;
  }
}

/** The start of the value whose key begins at `at`; -1 if no key does. */
function afterKey(text: string, at: number): number {
  if (text.charCodeAt(at) !== QUOTE) return -1;
  const end = afterString(text, at);
  const colon = end < 0 ? end : skipSpace(text, end);
  return text.charCodeAt(colon) === COLON ? skipSpace(text, colon + 1) : -1;
}

/** The position after the string that begins at `at`; -1 if it is not valid. */
function afterString(text: string, at: number): number {
  for (let next = at + 1; next < text.length;) {
    const code = text.charCodeAt(next);
    if (code === QUOTE) return next + 1;
    if (code < CONTROL_END) return -1;
    next = code === BACKSLASH ? afterMatch(ESCAPE, text, next) : next + 1;
    if (next < 0) return -1;
  }
  return -1;
}

function afterMatch(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

function skipSpace(text: string, at: number): number {
  while (SPACES.includes(text.charCodeAt(at))) at++;
  return at;
}
