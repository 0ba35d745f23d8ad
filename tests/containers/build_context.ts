import { copy } from "@std/fs/copy";
import { walk } from "@std/fs/walk";

/** What the Dockerfile copies into its build stage. */
const SOURCES = ["deno.json", "deno.lock", "lib", "agents", "orchestrator"];
/** The build argument of `docker build` for this run's Deno. */
export const VERSION_ARG = ["--build-arg", `DENO_VERSION=${Deno.env.get("DENO_VERSION")}`];

/**
 * Copies the sources into the new folder `folder`, which Docker can build from. Every file gets the
 * modification time `seconds`, since 1970.
 */
export async function copySources(folder: string, seconds: number): Promise<void> {
  await Deno.mkdir(folder);
  for (const source of SOURCES) await copy(source, `${folder}/${source}`);
  for await (const { path } of walk(folder)) await Deno.utime(path, seconds, seconds);
}
