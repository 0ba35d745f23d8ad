/**
 * Runs roles as processes of this machine, each with exactly its own permissions.
 *
 * The room holds what is behind `deno task`: demo.ts, start.ts and role.ts run roles with the
 * functions below, compile.ts makes programs of them.
 *
 * @module
 */
import { Client } from "../client/client.ts";
import { CodedError } from "../errors.ts";
import { ExitError } from "../exit.ts";
import type { JsonObject } from "../json.ts";
import { SECRET_FILE } from "../process/secret.ts";
import { variable } from "../process/settings.ts";
import { sleep } from "../retry.ts";
import {
  AGENT_ROLES,
  type Layout,
  mainModule,
  permissionFlags,
  type Permissions,
  permissionsOf,
  type Role,
} from "../roles.ts";

const PROJECT = new URL("../../", import.meta.url);
const HEALTH_POLL_MS = 50;
/** For the connection and for the answer of one question about health. */
const HEALTH_TIMEOUT_MS = 1_000;
/** A role whose disk is full still answers all that needs no disk. */
const HEALTHY_STATUSES = ["ok", "full"];
/** Time that a role has to end after SIGTERM before it is killed. */
const STOP_MS = 10_000;

/** An installation of the roles on this machine. */
export interface Site extends Layout {
  /** The working directory of every role. */
  readonly folder: string;
  /** A folder with the compiled roles; without it they run from the sources. */
  readonly binaries?: string;
}

/** How a role's process is started. */
export interface LaunchOptions {
  readonly args: readonly string[];
  /** Variables to add to those of the site. */
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: "inherit" | "null";
  readonly stdout?: "inherit" | "null" | "piped";
  readonly stderr?: "inherit" | "null" | "piped";
}

/** The inbox with sample logs. */
export const SAMPLE_INBOX = pathOf("tests/inbox");

/** Starts a role. The process belongs to the caller. */
export function launch(
  role: Role,
  site: Site,
  { args, env = {}, stdin = "null", stdout = "null", stderr = "inherit" }: LaunchOptions,
): Deno.ChildProcess {
  const [program, ...programArgs] = commandOf(role, site);
  return new Deno.Command(program, {
    args: [...programArgs, ...args],
    cwd: site.folder,
    env: { ...siteVariables(site), NO_COLOR: Deno.noColor ? "1" : "", ...env },
    stdin,
    stdout,
    stderr,
  }).spawn();
}

/**
 * Makes the shared secret of a site, unless the site or the environment has one.
 *
 * @throws {ExitError} `failed`
 */
export async function makeSecret(site: Site): Promise<void> {
  if (variable("AUTH_TOKEN") ?? variable("AUTH_TOKEN_FILE")) return;
  const { success } = await launch("orchestrator", site, { args: ["secret"] }).status;
  if (!success) throw new ExitError("failed", `Cannot make ${site.folder}/${SECRET_FILE}`);
}

/**
 * Resolves when a role is healthy; the orchestrator is when its agents are up as well.
 *
 * @param ms how long to wait
 * @throws {ExitError} `timed_out`, with the last answer
 */
export async function waitUntilHealthy(role: Role, { ports }: Site, ms: number): Promise<void> {
  const deadline = performance.now() + ms;
  let last = "";
  while (performance.now() < deadline) {
    try {
      const health = await askHealth(ports[role]);
      if (isHealthy(role, health)) return;
      last = JSON.stringify(health);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      last = error.message;
    }
    await sleep(HEALTH_POLL_MS);
  }
  throw new ExitError("timed_out", `Cannot wait longer for ${role}: ${last}`);
}

/** Stops a role with SIGTERM, and kills it if it has not ended after 10 s. Returns its exit code. */
export async function stopRole(child: Deno.ChildProcess): Promise<number> {
  const timer = setTimeout(() => sendSignal(child, "SIGKILL"), STOP_MS);
  sendSignal(child, "SIGTERM");
  const { code } = await child.status;
  clearTimeout(timer);
  return code;
}

/** Sends a signal. Does nothing if the process has ended. */
export function sendSignal(child: Deno.ChildProcess, name: Deno.Signal): void {
  try {
    child.kill(name);
  } catch (error) {
    if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Returns the arguments of `deno` that run a role's module with the role's permissions. */
export function runFromSources(role: Role, layout: Layout): string[] {
  const flags = permissionFlags(permissionsFromSources(role, layout));
  return ["run", "--quiet", `--config=${pathOf("deno.json")}`, ...flags];
}

/**
 * Returns what a role may touch when it runs from the sources: also its code, since an agent's thread
 * reads that when it starts.
 */
export function permissionsFromSources(role: Role, layout: Layout): Permissions {
  const permissions = permissionsOf(role, layout);
  if (role === "orchestrator") return permissions;
  return { ...permissions, read: [...permissions.read, pathOf("agents"), pathOf("lib")] };
}

function commandOf(role: Role, site: Site): string[] {
  if (site.binaries !== undefined) return [`${site.binaries}/${role}`];
  return [Deno.execPath(), ...runFromSources(role, site), pathOf(mainModule(role))];
}

function siteVariables({ ports, inbox }: Site): Record<string, string> {
  const agents = AGENT_ROLES.map((role) =>
    [`BATON_${role.toUpperCase()}`, `127.0.0.1:${ports[role]}`] as const
  );
  return { ...Object.fromEntries(agents), BATON_INBOX: inbox };
}

async function askHealth(port: number): Promise<JsonObject> {
  using client = await Client.open({ hostname: "127.0.0.1", port }, HEALTH_TIMEOUT_MS);
  return await client.call("health", {}, { timeoutMs: HEALTH_TIMEOUT_MS });
}

function isHealthy(role: Role, { status, agents }: JsonObject): boolean {
  return HEALTHY_STATUSES.includes(status as string) &&
    (role !== "orchestrator" || agents === "up");
}

function pathOf(name: string): string {
  return new URL(name, PROJECT).pathname;
}
