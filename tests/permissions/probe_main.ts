/**
 * Tries each line of the table with a role's permissions and prints how that ended: `done`, `refused`
 * or the error. It replaces the role, which has no code for these attempts.
 *
 * @module
 */
import { memoryFolder, type Role, ROLES } from "../../lib/roles.ts";
import type { Ports } from "./probe.ts";

const [role, ports] = JSON.parse(Deno.args[0]) as [Role, Ports];
const own = memoryFolder(role);
const others = ROLES.filter((other) => other !== role);
const other = memoryFolder(others[0]);

const ATTEMPTS: Readonly<Record<string, () => unknown>> = {
  "read and write its own memory": async () => {
    await Deno.writeTextFile(`${own}/new.tmp`, "own");
    await Deno.rename(`${own}/new.tmp`, `${own}/new`);
    await Deno.readTextFile(`${own}/new`);
    await Deno.remove(`${own}/new`);
  },
  "listen on its own port and connect there": async () => {
    using _ = Deno.listen({ hostname: "127.0.0.1", port: ports[role] });
    await connect("127.0.0.1", ports[role]);
  },
  "listen on its own port, on all addresses": () => listen("0.0.0.0", ports[role]),
  "read the secret": () => Deno.readTextFile("secret/token"),
  "read a variable of its own": () => Deno.env.get("BATON_NAME"),

  "make a secret": () => Deno.writeTextFile("secret/new", ""),
  "read the inbox": () => Deno.readTextFile("inbox/a.log"),
  "write to the inbox": () => Deno.writeTextFile("inbox/new.log", ""),
  ...Object.fromEntries(others.flatMap((other) => [
    [`connect to the ${other}`, () => connect("127.0.0.1", ports[other])],
    [`read the memory of the ${other}`, () => Deno.readTextFile(`${memoryFolder(other)}/kept`)],
    [`list the memory of the ${other}`, () => Array.fromAsync(Deno.readDir(memoryFolder(other)))],
    [
      `write the memory of the ${other}`,
      () => Deno.writeTextFile(`${memoryFolder(other)}/new`, ""),
    ],
    [`remove the memory of the ${other}`, () => Deno.remove(`${memoryFolder(other)}/kept`)],
  ])),
  "read the memory of another by ..": () => Deno.readTextFile(`${own}/../../${other}/kept`),
  "take a file of another": () => Deno.rename(`${other}/kept`, `${own}/kept`),
  "give a file to another": () => Deno.rename(`${own}/kept`, `${other}/given`),
  "link a file of another": () => Deno.link(`${other}/kept`, `${own}/linked`),
  "make a symbolic link": () => Deno.symlink("/etc", `${own}/etc`),
  "list the folder of all memories": () => Array.fromAsync(Deno.readDir("memory")),
  "list the folder that it works in": () => Array.fromAsync(Deno.readDir(".")),
  "list the folder around the secrets that are mounted": () =>
    Array.fromAsync(Deno.readDir("/run")),
  "change its working directory": () => Deno.chdir("/"),
  "read /etc/passwd": () => Deno.readTextFile("/etc/passwd"),
  "read /proc/self/environ": () => Deno.readTextFile("/proc/self/environ"),
  "write to /tmp": () => Deno.makeTempFile({ dir: "/tmp" }),
  "connect to another port": () => connect("127.0.0.1", ports.other),
  "connect to another host": () => connect("127.0.0.2", ports[role]),
  "connect to its own port by another name": () => connect("localhost", ports[role]),
  "fetch from another port": () =>
    fetch(`http://127.0.0.1:${ports.other}/`, { signal: AbortSignal.timeout(1_000) }),
  "look up a name by DNS": () => Deno.resolveDns("localhost", "A"),
  "listen on another port": () => listen("127.0.0.1", ports.other),
  "listen on another host": () => listen("127.0.0.2", ports[role]),
  "run a process": () => new Deno.Command("/bin/true").output(),
  "send a signal": () => Deno.kill(Deno.ppid, "SIGCONT"),
  "load native code": () => Deno.dlopen("libc.so.6", {}),
  "read HOME": () => Deno.env.get("HOME"),
  "read PATH": () => Deno.env.get("PATH"),
  "read all variables": () => Deno.env.toObject(),
  "set a variable": () => Deno.env.set("HOME", "/"),
  "ask for the hostname": () => Deno.hostname(),
  "ask for the memory of the machine": () => Deno.systemMemoryInfo(),
  "ask for the load": () => Deno.loadavg(),
  "ask for the network's interfaces": () => Deno.networkInterfaces(),
  "ask for its user": () => Deno.uid(),
  // deno-lint-ignore baton/fixed-code -- what the rule is there for
  "make code of a text": () => new Function("return 1"),
  // deno-lint-ignore baton/fixed-code -- what the rule is there for
  "import a computed module": () => import(`file://${Deno.cwd()}/${other}/kept.ts`),
};

const ended: Record<string, string> = {};
for (const [what, attempt] of Object.entries(ATTEMPTS)) {
  try {
    await attempt();
    ended[what] = "done";
  } catch (error) {
    // A refused import throws a TypeError, and V8 throws an EvalError.
    const refused = error instanceof Deno.errors.NotCapable || error instanceof EvalError ||
      (error as Error).message.startsWith("Requires read access to ");
    ended[what] = refused ? "refused" : String(error);
  }
}
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(ended)));
Deno.exit();

async function connect(hostname: string, port: number): Promise<void> {
  (await Deno.connect({ hostname, port })).close();
}

function listen(hostname: string, port: number): void {
  Deno.listen({ hostname, port }).close();
}
