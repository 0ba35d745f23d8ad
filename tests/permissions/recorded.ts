import type { Role } from "../../lib/roles.ts";
import { RoleProcesses, type Running } from "../harness/role_processes.ts";
import { type Access, readAccesses } from "./accesses.ts";

/**
 * Runs the four roles from the sources and records the accesses of each process. A compiled program
 * records nothing (denoland/deno#36395).
 */
export class Recorded implements AsyncDisposable {
  readonly roles: RoleProcesses;
  readonly #records: { role: Role; path: string }[];

  private constructor(roles: RoleProcesses, records: { role: Role; path: string }[]) {
    this.roles = roles;
    this.#records = records;
  }

  /**
   * Creates the roles in a folder, without starting them.
   *
   * @param folder belongs to the caller, who removes it
   */
  static async in(folder: string): Promise<Recorded> {
    await Deno.mkdir(`${folder}/records`);
    const records: { role: Role; path: string }[] = [];
    // Each process needs a record of its own, because it truncates the file at its start.
    const env = (role: Role) => {
      const path = `${folder}/records/${records.length}.ndjson`;
      records.push({ role, path });
      return { DENO_AUDIT_PERMISSIONS: path };
    };
    return new Recorded(await RoleProcesses.in(folder, { env, fromSources: true }), records);
  }

  /** Starts a subcommand; returns its process and the path of its record. */
  spawn(role: Role, args: readonly string[]): Running & { record: string } {
    const running = this.roles.spawn(role, args);
    return { ...running, record: this.#records.at(-1)!.path };
  }

  /** Returns the accesses of a role so far, and the number of its processes. */
  async accesses(role: Role): Promise<{ processes: number; accesses: Access[] }> {
    const paths = this.#records.filter((record) => record.role === role).map(({ path }) => path);
    const accesses = (await Promise.all(paths.map(readAccesses))).flat();
    return { processes: paths.length, accesses };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.roles[Symbol.asyncDispose]();
  }
}
