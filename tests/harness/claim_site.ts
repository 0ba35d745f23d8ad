/**
 * Where the roles of one test run: from the sources, or, where `BATON_BINARIES` names a folder, from
 * compiled programs.
 *
 * @module
 */
import type { Site } from "../../lib/launch/launch.ts";
import { claimPorts } from "../../lib/launch/ports.ts";
import { PORTS } from "../../lib/roles.ts";

/** A folder with an inbox below it, on ports that are its own until it is given back. */
export async function claimSite(folder: string): Promise<Site & Disposable> {
  const binaries = Deno.env.get("BATON_BINARIES");
  const place = { folder, inbox: "inbox" };
  if (binaries !== undefined) {
    // A compiled program knows its own ports alone.
    const path = await Deno.realPath(binaries);
    return { ...place, ports: PORTS, binaries: path, [Symbol.dispose]: () => {} };
  }
  const ports = claimPorts();
  return { ...place, ports, [Symbol.dispose]: () => ports[Symbol.dispose]() };
}
