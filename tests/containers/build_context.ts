import { copy } from "@std/fs/copy";
import { walk } from "@std/fs/walk";

const SOURCES = ["deno.json", "deno.lock", "lib", "agents", "orchestrator"];
export const VERSION_ARG = ["--build-arg", `DENO_VERSION=${Deno.env.get("DENO_VERSION")}`];

/** Copies what is compiled, all of it last written at one time. */
export async function copySources(folder: string, seconds: number): Promise<void> {
  await Deno.mkdir(folder);
  for (const source of SOURCES) await copy(source, `${folder}/${source}`);
  for await (const { path } of walk(folder)) await Deno.utime(path, seconds, seconds);
}
