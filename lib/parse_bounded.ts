import type { z } from "zod";

/** Keys and elements of a value up to which all that is wrong with it is told. */
const TOLD_IN_FULL = 1_000;

/** An option of zod that only its own `validate()` sets, so that its types do not have it. */
const FIRST_ALONE = { abortEarly: true } as z.core.ParseContext<z.core.$ZodIssue>;

/**
 * Parses a value that somebody else has made, like `safeParse()`. A large one is read up to the
 * first thing that is wrong with it, and only that is told: the issues of a million elements would
 * take seconds and all of the memory that there is.
 */
export function parseBounded<T>(schema: z.ZodType<T>, value: unknown): z.ZodSafeParseResult<T> {
  const first = parsed(schema, value, FIRST_ALONE);
  if (first.success || hasManyKeys(first.error) || isLarge(value)) return first;
  return parsed(schema, value);
}

/**
 * zod compares the `length` of whatever stands in place of a text or a list, and throws where that
 * can't be made a number. What is in its place is wrong without a `length` too.
 */
function parsed<T>(
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

/** Spares `isLarge()` a look at keys by the hundred thousand, which takes as long as the parsing. */
function hasManyKeys({ issues }: z.ZodError): boolean {
  return issues.some((issue) =>
    issue.code === "unrecognized_keys" && issue.keys.length > TOLD_IN_FULL
  );
}

/** Looks at as much of the value as decides it. */
function isLarge(value: unknown): boolean {
  const open = [value];
  for (let seen = 0; open.length > 0;) {
    const outer = open.pop();
    if (typeof outer !== "object" || outer === null) continue;
    if (Array.isArray(outer) && outer.length > TOLD_IN_FULL) return true;
    for (const key in outer) {
      if (++seen > TOLD_IN_FULL) return true;
      open.push((outer as Record<string, unknown>)[key]);
    }
  }
  return false;
}
