/**
 * The running compose stack: runs `docker`, and reads what it reports. All tests here start with
 * `inspectStack`.
 *
 * @module
 */
import { PORTS, type Role, ROLES } from "../../lib/roles.ts";

/** The name that Compose puts before its volumes and networks. */
export const PROJECT = Deno.env.get("COMPOSE_PROJECT_NAME") ?? "baton-ci";
/** The port on this machine that leads to the orchestrator. */
export const PUBLISHED_PORT = Number(Deno.env.get("BATON_PUBLISHED_PORT") ?? PORTS.orchestrator);
/** The image that the programs are compiled in. It has Deno and a shell. */
export const DENO_IMAGE = `denoland/deno:${Deno.env.get("DENO_VERSION")}`;
/** All services: the roles, and `secrets`, which makes their secrets and ends. */
export const SERVICES = [...ROLES, "secrets"] as const;
export type Service = typeof SERVICES[number];

/** The end of a program; its output is trimmed. */
export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The fields of `docker inspect` that the tests read. */
export interface Container {
  readonly Id: string;
  readonly Image: string;
  readonly State: { readonly Pid: number; readonly Status: string; readonly ExitCode: number };
  // deno-lint-ignore no-explicit-any -- dozens of fields of many types
  readonly HostConfig: Record<string, any>;
  readonly Config: {
    readonly User: string;
    readonly Env: string[];
    readonly Healthcheck: { readonly Test: string[] };
    readonly StopTimeout: number;
  };
  readonly Mounts: {
    readonly Type: string;
    readonly Name?: string;
    readonly Source: string;
    readonly Destination: string;
    readonly RW: boolean;
    /** Empty for a volume. */
    readonly Propagation: string;
  }[];
  readonly NetworkSettings: {
    readonly Ports: Record<string, { HostIp: string; HostPort: string }[] | null>;
    readonly Networks: Record<string, { NetworkID: string; IPAddress: string; Gateway: string }>;
  };
}

/** Runs a program to its end. Does not throw if the program fails. */
export async function run(program: string, ...args: string[]): Promise<RunResult> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim());
  return { code, stdout: out, stderr: err };
}

/** Runs a program and returns its stdout. Throws an `Error` with its stderr if the program fails. */
export async function readOutput(program: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(program, ...args);
  if (code === 0) return stdout;
  throw new Error(`${program} ${args.join(" ").slice(0, 200)} ended with ${code}: ${stderr}`);
}

/** Runs `docker` and returns its stdout. Throws an `Error` if it fails. */
export async function docker(...args: string[]): Promise<string> {
  return await readOutput("docker", ...args);
}

/** Inspects the stack's containers. Throws if the stack is not up. */
export async function inspectStack(): Promise<Record<Service, Container>> {
  const entries = await Promise.all(SERVICES.map(async (service) => {
    const label = "label=com.docker.compose";
    const filters = [`${label}.project=${PROJECT}`, `${label}.service=${service}`];
    const id = await docker("ps", "-aq", ...filters.flatMap((filter) => ["--filter", filter]));
    const [container] = JSON.parse(await docker("inspect", id));
    return [service, container];
  }));
  return Object.fromEntries(entries) as Record<Service, Container>;
}

/** Whether a service is a role, and not `secrets`. */
export function isRole(service: Service): service is Role {
  return (ROLES as readonly string[]).includes(service);
}

/** A container for one test. Its disposal removes it. */
export class TempContainer implements AsyncDisposable {
  private constructor(readonly id: string) {}

  /** Starts a container of Deno's image, with `options` of `docker run`. It runs the module in `code`. */
  static async start(code: string, ...options: string[]): Promise<TempContainer> {
    const image = ["--entrypoint", "deno", DENO_IMAGE, "eval", code];
    return new TempContainer(await docker("run", "--detach", "--rm", ...options, ...image));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await docker("rm", "--force", this.id);
  }
}

/** Reads a role's own secret out of its container: the orchestrator's is the clients'. */
export async function readSecret({ Id }: Container): Promise<string> {
  const file = await Deno.makeTempFile({ prefix: "baton-" });
  await docker("cp", `${Id}:/baton/secret/token`, file);
  const secret = (await Deno.readTextFile(file)).trim();
  await Deno.remove(file);
  return secret;
}
