/**
 * The running compose stack as Docker tells it.
 *
 * @module
 */
import { PORTS, type Role, ROLES } from "../../lib/roles.ts";

export const PROJECT = Deno.env.get("COMPOSE_PROJECT_NAME") ?? "baton-ci";
/** The port on this machine that the orchestrator's is published as. */
export const PUBLISHED_PORT = Number(Deno.env.get("BATON_PUBLISHED_PORT") ?? PORTS.orchestrator);
/** The image that the programs are compiled in: it has Deno, and a shell. */
export const DENO_IMAGE = `denoland/deno:${Deno.env.get("DENO_VERSION")}`;
/** All services: the roles, and the one that makes their secrets and ends. */
export const SERVICES = [...ROLES, "secrets"] as const;
export type Service = typeof SERVICES[number];

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A container as `docker inspect` shows it: what the tests ask for. */
export interface Container {
  readonly Id: string;
  readonly Image: string;
  readonly State: { readonly Pid: number; readonly Status: string; readonly ExitCode: number };
  // deno-lint-ignore no-explicit-any -- as Docker gives it
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

/** Runs a program to its end, however that is. */
export async function run(program: string, ...args: string[]): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim());
  return { code, stdout: out, stderr: err };
}

/** What a program says on stdout; throws where it fails. */
export async function said(program: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(program, ...args);
  if (code === 0) return stdout;
  throw new Error(`${program} ${args.join(" ").slice(0, 200)} ended with ${code}: ${stderr}`);
}

export async function docker(...args: string[]): Promise<string> {
  return await said("docker", ...args);
}

/** The stack's containers by service. */
export async function stack(): Promise<Record<Service, Container>> {
  const found = await Promise.all(SERVICES.map(async (service) => {
    const label = "label=com.docker.compose";
    const filters = [`${label}.project=${PROJECT}`, `${label}.service=${service}`];
    const id = await docker("ps", "-aq", ...filters.flatMap((filter) => ["--filter", filter]));
    const [container] = JSON.parse(await docker("inspect", id));
    return [service, container];
  }));
  return Object.fromEntries(found) as Record<Service, Container>;
}

export function isRole(service: Service): service is Role {
  return (ROLES as readonly string[]).includes(service);
}

/** Runs while a test does, and is gone after it. */
export class Helper implements AsyncDisposable {
  private constructor(readonly id: string) {}

  /** Starts a container of Deno's image that runs the module in `code`. */
  static async start(code: string, ...options: string[]): Promise<Helper> {
    const image = ["--entrypoint", "deno", DENO_IMAGE, "eval", code];
    return new Helper(await docker("run", "--detach", "--rm", ...options, ...image));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await docker("rm", "--force", this.id);
  }
}

/** The secret that a container proves itself with. */
export async function secretOf({ Id }: Container): Promise<string> {
  const file = await Deno.makeTempFile({ prefix: "baton-" });
  await docker("cp", `${Id}:/baton/secret/token`, file);
  const secret = (await Deno.readTextFile(file)).trim();
  await Deno.remove(file);
  return secret;
}
