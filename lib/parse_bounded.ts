import type { z } from "zod";

/** Keys and elements up to which all issues of a value are reported. */
const FULL_REPORT_MAX = 1_000;

/** Makes zod stop at the first issue. Its types lack this option. */
const FIRST_ISSUE_ONLY = { abortEarly: true } as z.core.ParseContext<z.core.$ZodIssue>;

/**
 * Parses a value from a peer, like `safeParse()`. For a large value only the first issue is reported:
 * the issues of a million elements would take seconds and all memory of the process.
 */
export function parseBounded<T>(schema: z.ZodType<T>, value: unknown): z.ZodSafeParseResult<T> {
  const first = parse(schema, value, FIRST_ISSUE_ONLY);
  if (first.success || hasManyKeys(first.error) || isLarge(value)) return first;
  return parse(schema, value);
}

/**
 * Parses without throwing. zod reads the `length` of any value in place of a string or array, and
 * throws if it can't be compared. Such a value is parsed again without its `length`: it stays wrong.
 */
function parse<T>(
  schema: z.ZodType<T>,
  value: unknown,
  options?: z.core.ParseContext<z.core.$ZodIssue>,
): z.ZodSafeParseResult<T> {
  try {
    return schema.safeParse(value, options);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return schema.safeParse(withoutLengths(value), options);
  }
}

function withoutLengths(value: unknown): unknown {
  const text = JSON.stringify(value, (key, inner) => key === "length" ? undefined : inner);
  return JSON.parse(text);
}

/** Spares `isLarge()` a walk through 100,000 keys, which takes as long as the parsing. */
function hasManyKeys({ issues }: z.ZodError): boolean {
  return issues.some((issue) =>
    issue.code === "unrecognized_keys" && issue.keys.length > FULL_REPORT_MAX
  );
}

/** Stops as soon as the answer is known. */
function isLarge(value: unknown): boolean {
  const open = [value];
  for (let keys = 0; open.length > 0;) {
    const outer = open.pop();
    if (typeof outer !== "object" || outer === null) continue;
    if (Array.isArray(outer) && outer.length > FULL_REPORT_MAX) return true;
    for (const key in outer) {
      if (++keys > FULL_REPORT_MAX) return true;
      open.push((outer as Record<string, unknown>)[key]);
    }
  }
  return false;
}
