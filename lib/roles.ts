/**
 * The four roles, and exactly what each may touch. The same list holds for a local process, for a
 * compiled binary and so for its container. Paths are relative to the working directory.
 *
 * @module
 */

const AGENTS = ["collector", "analyzer", "reporter"] as const;
export const ROLES = ["orchestrator", ...AGENTS] as const;
export type Role = typeof ROLES[number];

export const VERSION = "1.0.0";

/** Where each role listens unless told otherwise; a compiled binary knows no other. */
export const PORTS: Readonly<Record<Role, number>> = {
  orchestrator: 7100,
  collector: 7101,
  analyzer: 7102,
  reporter: 7103,
};

/** Where a role may read its secret. */
const SECRETS = ["secret", "/run/secrets"];
const ENV = [
  "AUTH_TOKEN",
  "AUTH_TOKEN_FILE",
  "BATON_HOST",
  "BATON_LIMITS",
  "BATON_NAME",
  "BATON_PORT",
  "BATON_TLS_CA",
  "BATON_TLS_CERT",
  "BATON_TLS_KEY",
];
/** Where packages come from; unless told, Deno lets six more hosts give code. */
const IMPORT = ["jsr.io:443"];

const NO_CODE_OF_TEXT = "--disallow-code-generation-from-strings";

export interface Permissions {
  readonly net: readonly string[];
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly env: readonly string[];
  /** Used from the sources alone: a compiled program has its packages in itself. */
  readonly import: readonly string[];
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
  const own = [
    `0.0.0.0:${ports[role]}`,
    `127.0.0.1:${ports[role]}`,
    `127.0.0.1:${loopbackPort(ports[role])}`,
  ];
  switch (role) {
    case "orchestrator":
      return {
        net: [...own, ...AGENTS.flatMap((a) => [`${a}:${ports[a]}`, `127.0.0.1:${ports[a]}`])],
        read: [memory, ...SECRETS],
        write: [memory, "secret"],
        env: [
          ...ENV,
          ...AGENTS.flatMap((agent) => secretVariables(agent)),
          "BATON_ANALYZER",
          "BATON_COLLECTOR",
          "BATON_CONCURRENCY",
          "BATON_MAX_WAIT",
          "BATON_QUEUE",
          "BATON_REPORTER",
          "BATON_WATCH",
          "TERM",
        ],
        import: IMPORT,
      };
    case "collector":
      return {
        net: own,
        read: [memory, inbox, ...SECRETS],
        write: [memory],
        env: [...ENV, "BATON_INBOX"],
        import: IMPORT,
      };
    default:
      return {
        net: own,
        read: [memory, ...SECRETS],
        write: [memory],
        env: ENV,
        import: IMPORT,
      };
  }
}

/**
 * The permissions as flags of `deno run` and `deno compile`, with one of V8's that nothing goes
 * without: no text becomes code, by whatever name that is tried. Packages count: zod would.
 *
 * @param v8Flags more of V8's, as Deno takes them at one place alone
 */
export function permissionFlags(
  permissions: Permissions,
  v8Flags: readonly string[] = [],
): string[] {
  const { net, read, write, env, import: hosts } = permissions;
  return [
    "--no-prompt",
    `--v8-flags=${[NO_CODE_OF_TEXT, ...v8Flags].join(",")}`,
    `--allow-net=${net.join(",")}`,
    `--allow-read=${read.join(",")}`,
    `--allow-write=${write.join(",")}`,
    `--allow-env=${env.join(",")}`,
    `--allow-import=${hosts.join(",")}`,
  ];
}

/** The variables of a secret that the orchestrator shares with one agent alone. */
export function secretVariables(agent: string): readonly [file: string, text: string] {
  const role = agent.toUpperCase();
  return [`AUTH_TOKEN_FILE_${role}`, `AUTH_TOKEN_${role}`];
}

/** The folder that a role's memory lives in. */
export function memoryFolder(role: string): string {
  return `memory/${role}`;
}

/** The port on the loopback that a role which listens with TLS on `port` takes besides. */
export function loopbackPort(port: number): number {
  if (port === 0) return 0;
  return port > 65_435 ? port - 100 : port + 100;
}

/** A role's program, relative to the project. */
export function mainModule(role: Role): string {
  return role === "orchestrator" ? "orchestrator/main.ts" : `agents/${role}/main.ts`;
}
