/**
 * What each role must not do, tried. Seen to fail with `--allow-sys=hostname` among the flags, and
 * with one more folder, port or variable in the list of a role.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../lib/exit.ts";
import { compile } from "../../lib/launch/compile.ts";
import type { Site } from "../../lib/launch/launch.ts";
import { claimPorts } from "../../lib/launch/ports.ts";
import { permissionsOf, type Role, ROLES } from "../../lib/roles.ts";
import { RoleProcesses } from "../harness/role_processes.ts";
import { TempFolder } from "../harness/temp_folder.ts";
import { figures, skip } from "../harness/test_output.ts";
import { type Ended, PROBE, probe } from "./probe.ts";

const BINARIES = Deno.env.get("BATON_BINARIES");
/** What every role may do. */
const OWN = [
  "read and write its own memory",
  "listen on its own port and connect there",
  "listen on its own port, on all addresses",
  "read the secret",
  "read a variable of its own",
];

/** What each role may do besides. Everything else is refused. */
const MORE: Readonly<Record<Role, readonly string[]>> = {
  orchestrator: [
    "make a secret",
    "connect to the collector",
    "connect to the analyzer",
    "connect to the reporter",
  ],
  collector: ["read the inbox"],
  analyzer: [],
  reporter: [],
};

const REFUSED = "refused";

/** A compiled program may do these without permission (denoland/deno#18327). The lint forbids them. */
const UNASKED = ["import a computed module"];

Deno.test("permissionsOf() permits each role its own work and nothing else", async () => {
  const told: string[] = [];
  for (const role of ROLES) {
    using ports = claimPorts();
    const ended = await probe(role, ports);
    judge(role, ended, [...OWN, ...MORE[role]]);
    const refused = Object.values(ended).filter((how) => how === REFUSED).length;
    told.push(`${role} ${refused} of ${Object.keys(ended).length}`);
  }
  figures(`attempts refused: ${told.join(", ")}`);
});

Deno.test("compile() makes programs that are refused the same", async (t) => {
  if (BINARIES === undefined) return await skip(t, "BATON_BINARIES is not set");
  for (const role of ROLES) {
    await using temp = await TempFolder.make();
    using ports = claimPorts();
    const permissions = permissionsOf(role, { ports, inbox: "inbox" });
    const program = `${temp.path}/probe`;
    await compile({ module: PROBE, permissions, output: program });
    judge(role, await probe(role, ports, program), [...OWN, ...MORE[role], ...UNASKED]);
  }
});

Deno.test("a role ends if its settings ask for more than its permissions", async () => {
  await using temp = await TempFolder.make();
  await using roles = await RoleProcesses.in(temp.path);
  await Promise.all(ROLES.map(async (role) => {
    for (const { args, env, code, words } of refusalsOf(role, roles.site)) {
      // A role that is not refused serves, and is killed at the deadline.
      const ran = await roles.run(role, args, env);
      assertStringIncludes(ran.stderr, words);
      assertEquals(ran.code, code, ran.stderr);
    }
  }));
});

interface Refusal {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly code: number;
  readonly words: string;
}

/** Settings that ask for more than the role may do, and how that ends. */
function refusalsOf(role: Role, { ports }: Site): Refusal[] {
  const port = String(ports[role]);
  const other = String(Math.max(...Object.values(ports)) + 1);
  const env = { AUTH_TOKEN: "a secret of more than thirty-two bytes", AUTH_TOKEN_FILE: "" };
  const net = (address: string) => `Requires net access to "${address}"`;
  return [
    {
      args: ["serve"],
      env: { AUTH_TOKEN_FILE: "/etc/passwd" },
      code: EXIT.no_secret,
      words: 'Requires read access to "/etc/passwd"',
    },
    {
      args: ["serve", "--port", other],
      env,
      code: EXIT.not_permitted,
      words: net(`127.0.0.1:${other}`),
    },
    {
      args: ["serve", "--port", port, "--host", "127.0.0.2"],
      env,
      code: EXIT.not_permitted,
      words: net(`127.0.0.2:${port}`),
    },
    {
      args: ["health", "--port", other],
      env,
      code: EXIT.unreachable,
      words: net(`127.0.0.1:${other}`),
    },
  ];
}

/** Checks that each attempt ended as it must, and that each allowed one was made. */
function judge(role: Role, ended: Ended, allowed: readonly string[]): void {
  const expected = Object.keys(ended)
    .map((what) => [what, allowed.includes(what) ? "done" : REFUSED]);
  assertEquals(ended, Object.fromEntries(expected), role);
  assertEquals(allowed.filter((what) => !Object.hasOwn(ended, what)), [], role);
}
