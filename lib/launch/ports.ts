/**
 * Ports for roles that run as processes of this machine.
 *
 * @module
 */
import { loopbackPort, type Role, ROLES } from "../roles.ts";

export type Ports = Readonly<Record<Role, number>>;

/** Below those that the system gives away by itself, in groups of five: the roles', and the claim. */
const FIRST = 10_000;
/** Of each two hundred the lower ones: the upper are the roles' ports on the loopback. */
const BLOCKS = 100;
const GROUPS = 20;
const HOST = "127.0.0.1";

/**
 * Finds ports that are free. Nobody else finds the same ones until they are given back, also while
 * no role listens there.
 */
export function claimPorts(random = Math.random): Ports & Disposable {
  const below = (bound: number): number => Math.floor(random() * bound);
  for (;;) {
    const first = FIRST + 200 * below(BLOCKS) + 5 * below(GROUPS);
    const claim = listenIfFree(first + ROLES.length);
    if (claim === undefined) continue;
    const ports = ROLES.map((_, at) => first + at);
    if (ports.every((port) => isFree(port) && isFree(loopbackPort(port)))) {
      const named = Object.fromEntries(ROLES.map((role, at) => [role, ports[at]]));
      return { ...named as Ports, [Symbol.dispose]: () => claim.close() };
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
