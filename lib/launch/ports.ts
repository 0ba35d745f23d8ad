/**
 * Free ports for roles that run as processes of this machine.
 *
 * @module
 */
import { loopbackPort, type Role, ROLES } from "../roles.ts";

/** A port for each role. */
export type Ports = Readonly<Record<Role, number>>;

/**
 * Ports are claimed in groups of five: four roles, and the port that stands for the claim. The ports
 * from 10,000 to 29,999 lie below those that the system assigns by itself.
 */
const FIRST_PORT = 10_000;
const GROUP_PORTS = ROLES.length + 1;
/** A block's lower half has the groups. Its upper half has the roles' ports on the loopback. */
const BLOCK_PORTS = 200;
const BLOCKS = 100;
const GROUPS_PER_BLOCK = 20;
const HOST = "127.0.0.1";

/**
 * Finds a free port for each role. They belong to the caller until they are disposed, also while no
 * role listens on them: no other caller on this machine gets the same ones.
 *
 * @param random returns a number in [0, 1)
 */
export function claimPorts(random = Math.random): Ports & Disposable {
  const below = (bound: number): number => Math.floor(random() * bound);
  for (;;) {
    const first = FIRST_PORT + BLOCK_PORTS * below(BLOCKS) + GROUP_PORTS * below(GROUPS_PER_BLOCK);
    const claim = listenIfFree(first + ROLES.length);
    if (claim === undefined) continue;
    const ports = ROLES.map((_, at) => first + at);
    if (ports.every((port) => isFree(port) && isFree(loopbackPort(port)))) {
      const byRole = Object.fromEntries(ROLES.map((role, at) => [role, ports[at]]));
      return { ...byRole as Ports, [Symbol.dispose]: () => claim.close() };
    }
    claim.close();
  }
}

function isFree(port: number): boolean {
  using listener = listenIfFree(port);
  return listener !== undefined;
}

function listenIfFree(port: number): Deno.TcpListener | undefined {
  try {
    return Deno.listen({ hostname: HOST, port });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return undefined;
    throw error;
  }
}
