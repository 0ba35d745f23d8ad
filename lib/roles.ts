/**
 * The four roles, and what each of them may touch. One list serves processes that run from the
 * sources, compiled programs, and so their containers. Paths are relative to the working directory.
 *
 * @module
 */

/** The roles that do a task's work when the orchestrator asks for it. */
export const AGENT_ROLES = ["collector", "analyzer", "reporter"] as const;
/** All roles. */
export const ROLES = ["orchestrator", ...AGENT_ROLES] as const;
/** The name of a role that ships. */
export type Role = typeof ROLES[number];

/** The version of every role, in the handshake and in lists of what a program contains. */
export const VERSION = "1.0.0";

/** The port of each role by default, and the only one that a compiled program may use. */
export const PORTS: Readonly<Record<Role, number>> = {
  orchestrator: 7100,
  collector: 7101,
  analyzer: 7102,
  reporter: 7103,
};

/** Folders that may hold secrets and certificates; the second is the one of container engines. */
const SECRET_FOLDERS = ["secret", "/run/secrets"];
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
/** The registry of the packages. Without the flag, Deno allows imports from six more hosts. */
const IMPORT = ["jsr.io:443"];

const NO_CODE_FROM_STRINGS = "--disallow-code-generation-from-strings";

/** What a role may touch; each list holds the values of one permission flag of Deno. */
export interface Permissions {
  readonly net: readonly string[];
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly env: readonly string[];
  /** Matters only when running from the sources: a compiled program contains its packages. */
  readonly import: readonly string[];
}

/** The ports and the inbox of an installation of the four roles. */
export interface Layout {
  readonly ports: Readonly<Record<Role, number>>;
  /** The folder that the collector reads. */
  readonly inbox: string;
}

/** Returns what a role may touch; all else is refused. */
export function permissionsOf(
  role: Role,
  { ports, inbox }: Layout = { ports: PORTS, inbox: "inbox" },
): Permissions {
  const memory = memoryFolder(role);
  const net = [
    `0.0.0.0:${ports[role]}`,
    `127.0.0.1:${ports[role]}`,
    `127.0.0.1:${loopbackPort(ports[role])}`,
  ];
  switch (role) {
    case "orchestrator":
      return {
        net: [...net, ...AGENT_ROLES.flatMap((a) => [`${a}:${ports[a]}`, `127.0.0.1:${ports[a]}`])],
        read: [memory, ...SECRET_FOLDERS],
        write: [memory, "secret"],
        env: [
          ...ENV,
          ...AGENT_ROLES.flatMap((agent) => secretVariables(agent)),
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
        net,
        read: [memory, inbox, ...SECRET_FOLDERS],
        write: [memory],
        env: [...ENV, "BATON_INBOX"],
        import: IMPORT,
      };
    default:
      return {
        net,
        read: [memory, ...SECRET_FOLDERS],
        write: [memory],
        env: ENV,
        import: IMPORT,
      };
  }
}

/**
 * Returns the permissions as flags of `deno run` and `deno compile`, with a flag of V8 that keeps
 * every program from turning a string into code. That holds for packages too: zod would do it.
 *
 * @param v8Flags more flags of V8; Deno accepts only one list of them
 */
export function permissionFlags(
  permissions: Permissions,
  v8Flags: readonly string[] = [],
): string[] {
  const { net, read, write, env, import: hosts } = permissions;
  return [
    "--no-prompt",
    `--v8-flags=${[NO_CODE_FROM_STRINGS, ...v8Flags].join(",")}`,
    `--allow-net=${net.join(",")}`,
    `--allow-read=${read.join(",")}`,
    `--allow-write=${write.join(",")}`,
    `--allow-env=${env.join(",")}`,
    `--allow-import=${hosts.join(",")}`,
  ];
}

/** Returns the names of the variables for a secret that only `agent` and the orchestrator have. */
export function secretVariables(agent: string): readonly [file: string, text: string] {
  const role = agent.toUpperCase();
  return [`AUTH_TOKEN_FILE_${role}`, `AUTH_TOKEN_${role}`];
}

/** Returns the folder of a role's memory. */
export function memoryFolder(role: string): string {
  return `memory/${role}`;
}

/** Returns the port on the loopback that a role needs as well, if it listens with TLS on `port`. */
export function loopbackPort(port: number): number {
  if (port === 0) return 0;
  return port > 65_435 ? port - 100 : port + 100;
}

/** Returns the path of a role's program, relative to the project. */
export function mainModule(role: Role): string {
  return role === "orchestrator" ? "orchestrator/main.ts" : `agents/${role}/main.ts`;
}
