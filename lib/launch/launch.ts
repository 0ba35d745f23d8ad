/**
 * Runs roles as processes of this machine, each with exactly its own permissions.
 *
 * @module
 */
import { Client } from "../client/client.ts";
import { CodedError } from "../errors.ts";
import { ExitError } from "../exit.ts";
import { variable } from "../process/settings.ts";
import type { JsonObject } from "../json.ts";
import { SECRET_FILE } from "../process/secret.ts";
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
const POLL_MS = 50;
/** A role whose disk is full answers what it can. */
const WELL = ["ok", "full"];
/** Role processes get so long to end after SIGTERM before they are killed. */
const END_MS = 10_000;

/** Where roles run: their working directory, addresses and inbox. */
export interface Site extends Layout {
  readonly folder: string;
  /** A folder of compiled binaries to run in place of the sources. */
  readonly binaries?: string;
}

export interface LaunchOptions {
  readonly args: readonly string[];
  /** Variables beside those that the site has. */
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: "inherit" | "null";
  readonly stdout?: "inherit" | "null" | "piped";
  readonly stderr?: "inherit" | "null" | "piped";
}

/** Starts a role. */
export function launch(
  role: Role,
  site: Site,
  { args, env = {}, stdin = "null", stdout = "null", stderr = "inherit" }: LaunchOptions,
): Deno.ChildProcess {
  const [program, ...before] = commandOf(role, site);
  return new Deno.Command(program, {
    args: [...before, ...args],
    cwd: site.folder,
    env: { ...addressVariables(site), NO_COLOR: Deno.noColor ? "1" : "", ...env },
    stdin,
    stdout,
    stderr,
  }).spawn();
}

/** Makes the shared secret of a site, unless it has one or the environment does. */
export async function makeSecret(site: Site): Promise<void> {
  if (variable("AUTH_TOKEN") ?? variable("AUTH_TOKEN_FILE")) return;
  const { success } = await launch("orchestrator", site, { args: ["secret"] }).status;
  if (!success) throw new ExitError("failed", `Cannot make ${site.folder}/${SECRET_FILE}`);
}

/** Resolves when the role answers and is well; for the orchestrator, when its agents are up too. */
export async function waitUntilHealthy(role: Role, { ports }: Site, ms: number): Promise<void> {
  const due = performance.now() + ms;
  let last = "";
  while (performance.now() < due) {
    try {
      const health = await askHealth(ports[role]);
      last = JSON.stringify(health);
      if (
        WELL.includes(health.status as string) &&
        (role !== "orchestrator" || health.agents === "up")
      ) return;
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      last = error.message;
    }
    await sleep(POLL_MS);
  }
  throw new ExitError("timed_out", `Cannot wait longer for ${role}: ${last}`);
}

/** Ends a role with SIGTERM, and by force where that does not help; gives its exit code. */
export async function stopRole(child: Deno.ChildProcess): Promise<number> {
  const timer = setTimeout(() => sendSignal(child, "SIGKILL"), END_MS);
  sendSignal(child, "SIGTERM");
  const { code } = await child.status;
  clearTimeout(timer);
  return code;
}

/** Sends a signal; nothing where the process has ended. */
export function sendSignal(child: Deno.ChildProcess, name: Deno.Signal): void {
  try {
    child.kill(name);
  } catch (error) {
    if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Folder of the sample inbox. */
export const SAMPLE_INBOX = pathOf("tests/inbox");

function commandOf(role: Role, site: Site): string[] {
  if (site.binaries !== undefined) return [`${site.binaries}/${role}`];
  return [Deno.execPath(), ...runFromSources(role, site), pathOf(mainModule(role))];
}

/** How Deno is asked to run a role's module with the role's permissions. */
export function runFromSources(role: Role, layout: Layout): string[] {
  const flags = permissionFlags(permissionsFromSources(role, layout));
  return ["run", "--quiet", `--config=${pathOf("deno.json")}`, ...flags];
}

/** What a role that runs from the sources may touch: an agent's thread reads its code there. */
export function permissionsFromSources(role: Role, layout: Layout): Permissions {
  const permissions = permissionsOf(role, layout);
  if (role === "orchestrator") return permissions;
  return { ...permissions, read: [...permissions.read, pathOf("agents"), pathOf("lib")] };
}

function pathOf(name: string): string {
  return new URL(name, PROJECT).pathname;
}

function addressVariables({ ports, inbox }: Site): Record<string, string> {
  const agents = AGENT_ROLES.map((role) =>
    [`BATON_${role.toUpperCase()}`, `127.0.0.1:${ports[role]}`] as const
  );
  return { ...Object.fromEntries(agents), BATON_INBOX: inbox };
}

async function askHealth(port: number): Promise<JsonObject> {
  using client = await Client.open({ hostname: "127.0.0.1", port }, 1_000);
  return await client.call("health", {}, { timeoutMs: 1_000 });
}
