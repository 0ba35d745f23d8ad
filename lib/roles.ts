/**
 * The four roles, and exactly what each may touch. The same list holds for a local process, for a
 * compiled binary and so for its container. Paths are relative to the working directory.
 *
 * @module
 */

export const ROLES = ["orchestrator", "collector", "analyzer", "reporter"] as const;
export type Role = typeof ROLES[number];

export const VERSION = "1.0.0";

/** Where each role listens unless told otherwise; a compiled binary knows no other. */
export const PORTS: Readonly<Record<Role, number>> = {
  orchestrator: 7100,
  collector: 7101,
  analyzer: 7102,
  reporter: 7103,
};

const AGENTS = ["collector", "analyzer", "reporter"] as const;

/** Where a role may read its secret. */
const SECRETS = ["secret", "/run/secrets"];
const ENV = ["AUTH_TOKEN", "AUTH_TOKEN_FILE", "BATON_HOST", "BATON_NAME", "BATON_PORT"];

export interface Permissions {
  readonly net: readonly string[];
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly env: readonly string[];
}

export interface Place {
  readonly ports: Readonly<Record<Role, number>>;
  /** The collector's inbox. */
  readonly inbox: string;
}

/** What a role may touch, and nothing else. */
export function permissionsOf(
  role: Role,
  { ports, inbox }: Place = { ports: PORTS, inbox: "inbox" },
): Permissions {
  const memory = memoryFolder(role);
  const own = [`0.0.0.0:${ports[role]}`, `127.0.0.1:${ports[role]}`];
  switch (role) {
    case "orchestrator":
      return {
        net: [...own, ...AGENTS.flatMap((a) => [`${a}:${ports[a]}`, `127.0.0.1:${ports[a]}`])],
        read: [memory, ...SECRETS],
        write: [memory, "secret"],
        env: [
          ...ENV,
          "BATON_ANALYZER",
          "BATON_COLLECTOR",
          "BATON_CONCURRENCY",
          "BATON_PATIENCE",
          "BATON_QUEUE",
          "BATON_REPORTER",
          "BATON_WATCH",
        ],
      };
    case "collector":
      return {
        net: own,
        read: [memory, inbox, ...SECRETS],
        write: [memory],
        env: [...ENV, "BATON_INBOX"],
      };
    default:
      return { net: own, read: [memory, ...SECRETS], write: [memory], env: ENV };
  }
}

/** The permissions as flags of `deno run` and `deno compile`. */
export function permissionFlags({ net, read, write, env }: Permissions): string[] {
  return [
    "--no-prompt",
    `--allow-net=${net.join(",")}`,
    `--allow-read=${read.join(",")}`,
    `--allow-write=${write.join(",")}`,
    `--allow-env=${env.join(",")}`,
  ];
}

/** The folder that a role's memory lives in. */
export function memoryFolder(role: string): string {
  return `memory/${role}`;
}

/** A role's program, relative to the project. */
export function mainModule(role: Role): string {
  return role === "orchestrator" ? "orchestrator/main.ts" : `agents/${role}/main.ts`;
}
