/**
 * Runs the probe in a folder in which all its attempts would work without permissions.
 *
 * @module
 */
import { runFromSources } from "../../lib/launch/launch.ts";
import { memoryFolder, type Role, ROLES } from "../../lib/roles.ts";

/** The port of each role, and an open port that belongs to no role. */
export type Ports = Readonly<Record<Role | "other", number>>;

export const PROBE = new URL("./probe_main.ts", import.meta.url).pathname;

/** How each attempt ended, by its description. */
export type Ended = Readonly<Record<string, string>>;

/**
 * Runs the probe as a role.
 *
 * @param program the compiled probe; without it the sources run
 */
export async function probe(
  role: Role,
  ports: Readonly<Record<Role, number>>,
  program?: string,
): Promise<Ended> {
  const folder = await Deno.makeTempDir({ prefix: "baton-test-" });
  // A listener answers wherever the role connects.
  const others = ROLES.filter((other) => other !== role).map((other) => listen(ports[other]));
  const nobodys = listen(0);
  try {
    await furnish(folder);
    const [command, ...args] = program === undefined
      ? [Deno.execPath(), ...runFromSources(role, { ports, inbox: "inbox" }), PROBE]
      : [program];
    const tried: Ports = { ...ports, other: nobodys.addr.port };
    const { code, stdout, stderr } = await new Deno.Command(command, {
      args: [...args, JSON.stringify([role, tried])],
      cwd: folder,
    }).output();
    const decoder = new TextDecoder();
    if (code !== 0) throw new Error(`Cannot probe as ${role}: ${decoder.decode(stderr)}`);
    return JSON.parse(decoder.decode(stdout));
  } finally {
    for (const listener of [...others, nobodys]) listener.close();
    await Deno.remove(folder, { recursive: true });
  }
}

function listen(port: number): Deno.TcpListener {
  return Deno.listen({ hostname: "127.0.0.1", port });
}

async function furnish(folder: string): Promise<void> {
  for (const role of ROLES) {
    const memory = `${folder}/${memoryFolder(role)}`;
    await Deno.mkdir(memory, { recursive: true });
    await Deno.writeTextFile(`${memory}/kept`, role);
    await Deno.writeTextFile(`${memory}/kept.ts`, `export const kept = "${role}";\n`);
  }
  await Deno.mkdir(`${folder}/secret`);
  await Deno.writeTextFile(`${folder}/secret/token`, "a secret");
  await Deno.mkdir(`${folder}/inbox`);
  await Deno.writeTextFile(`${folder}/inbox/a.log`, "INFO a line\n");
}
