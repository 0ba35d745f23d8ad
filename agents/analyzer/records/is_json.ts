const QUOTE = 0x22, COMMA = 0x2c, COLON = 0x3a, BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b, CLOSE_ARRAY = 0x5d, OPEN_OBJECT = 0x7b, CLOSE_OBJECT = 0x7d;
const SPACES: readonly number[] = [0x20, 0x0a, 0x0d, 0x09];
/** Characters below this one are refused in a string. */
const CONTROL_END = 0x20;

const ESCAPE = /\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y;
const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/**
 * Whether a text is JSON (RFC 8259), so that `JSON.parse` takes it. Of a text that is none `JSON.parse`
 * makes an exception, which costs as much as reading thousands of characters.
 */
export function isJson(text: string): boolean {
  /** What closes the arrays and objects that are open. */
  const closing: number[] = [];
  let at = skipSpace(text, 0);
  while (true) {
    const code = text.charCodeAt(at);
    if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      const close = code === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY;
      closing.push(close);
      at = skipSpace(text, at + 1);
      if (text.charCodeAt(at) !== close) {
        if (close === CLOSE_OBJECT) at = behindKey(text, at);
        if (at < 0) return false;
        continue;
      }
    } else {
      at = code === QUOTE ? behindString(text, at) : behind(SCALAR, text, at);
      if (at < 0) return false;
      at = skipSpace(text, at);
    }
    // Behind a value, or at the end of an empty array or object.
    while (closing.length > 0 && text.charCodeAt(at) === closing.at(-1)) {
      closing.pop();
      at = skipSpace(text, at + 1);
    }
    if (closing.length === 0) return at === text.length;
    if (text.charCodeAt(at) !== COMMA) return false;
    at = skipSpace(text, at + 1);
    if (closing.at(-1) === CLOSE_OBJECT) at = behindKey(text, at);
    if (at < 0) return false;
  }
}

/** Where the value of the key begins that stands at `at`; -1 where none does. */
function behindKey(text: string, at: number): number {
  if (text.charCodeAt(at) !== QUOTE) return -1;
  const end = behindString(text, at);
  const colon = end < 0 ? end : skipSpace(text, end);
  return text.charCodeAt(colon) === COLON ? skipSpace(text, colon + 1) : -1;
}

/** Behind the quote that ends the string which begins at `at`; -1 where it is none. */
function behindString(text: string, at: number): number {
  for (let next = at + 1; next < text.length;) {
    const code = text.charCodeAt(next);
    if (code === QUOTE) return next + 1;
    if (code < CONTROL_END) return -1;
    next = code === BACKSLASH ? behind(ESCAPE, text, next) : next + 1;
    if (next < 0) return -1;
  }
  return -1;
}

function behind(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

function skipSpace(text: string, at: number): number {
  while (SPACES.includes(text.charCodeAt(at))) at++;
  return at;
}
