/**
 * What a process asked Deno for, compared with its permissions.
 *
 * @module
 */
import { resolve } from "node:path/posix";
import type { Permissions } from "../../lib/roles.ts";

/** One access, as `DENO_AUDIT_PERMISSIONS` records it, whether it was granted or not. */
export interface Access {
  readonly permission: string;
  /** `null` if the process asked for everything of a kind, such as the whole environment. */
  readonly value: string | null;
}

/**
 * Reads the record of a process, which is empty before its start. A killed process may leave half a
 * line at the end.
 */
export async function readAccesses(path: string): Promise<Access[]> {
  const text = await Deno.readTextFile(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  });
  return text.slice(0, text.lastIndexOf("\n") + 1).split("\n").filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

/** Returns the accesses that no permission covers, and the permissions that no access needed. */
export function compare(
  accesses: readonly Access[],
  permissions: Permissions,
  folder: string,
): { missing: string[]; unused: string[]; grants: number } {
  const grants = Object.entries(permissions).flatMap(([permission, values]) =>
    (values as string[]).map((value) => ({ permission, value }))
  );
  const used = new Set<string>();
  const missing = new Set<string>();
  for (const access of accesses) {
    const covering = grants.filter((grant) => covers(grant, access, folder));
    for (const grant of covering) used.add(wordsOf(grant));
    if (covering.length === 0) missing.add(wordsOf(access));
  }
  return {
    missing: [...missing].sort(),
    unused: grants.map(wordsOf).filter((grant) => !used.has(grant)).sort(),
    grants: grants.length,
  };
}

function wordsOf({ permission, value }: Access): string {
  return `${permission} ${value ?? "(all)"}`;
}

/** A path covers everything below it. All else must be equal, as Deno compares it. */
function covers(grant: Access, access: Access, folder: string): boolean {
  if (grant.permission !== access.permission || access.value === null) return false;
  if (grant.permission !== "read" && grant.permission !== "write") {
    return grant.value === access.value;
  }
  const place = resolve(folder, grant.value!);
  const path = resolve(folder, access.value);
  return path === place || path.startsWith(place + "/");
}
