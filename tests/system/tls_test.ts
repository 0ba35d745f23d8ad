/**
 * The roles over TLS, as real processes with the certificates of SECURITY.md.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { EXIT } from "../../lib/exit.ts";
import { type Role, ROLES } from "../../lib/roles.ts";
import { type PrivateCa, tlsTest } from "../lib/tls/private_ca.ts";
import { type Ran, RoleProcesses } from "../harness/role_processes.ts";

// Seen to fail: with a key that is not compared with its certificate.

const CA = ["--tls-ca", "secret/ca.pem"];

/** Returns the roles, in the folder that the commands of SECURITY.md were run in. */
async function rolesOf(ca: PrivateCa, env: (role: Role) => Record<string, string>) {
  const roles = await RoleProcesses.in(ca.folder, { env });
  assertEquals((await roles.run("orchestrator", ["secret"])).code, EXIT.done);
  return roles;
}

function withTls(role: Role): Record<string, string> {
  return {
    BATON_TLS_CERT: `secret/${role}.pem`,
    BATON_TLS_KEY: `secret/${role}.key`,
    BATON_TLS_CA: "secret/ca.pem",
  };
}

/** Asserts the exit code, and one line on stderr that says why. */
function assertRefused({ code, stdout, stderr }: Ran, expected: number, why: RegExp): void {
  assertEquals([code, stdout], [expected, ""], stderr);
  assertEquals(stderr.split("\n").length, 2, stderr);
  assertMatch(stderr, why);
}

tlsTest("the four roles, health and the command line speak TLS with each other", async (ca) => {
  await using roles = await rolesOf(ca, withTls);
  for (const role of ROLES) roles.start(role);
  await roles.until(["agents"], ({ code }) => code === EXIT.done);
  const done = await roles.run("orchestrator", ["submit", "--text", "ERROR disk 7", "--wait"]);
  assertEquals(done.code, EXIT.done, done.stderr);
  assertMatch(done.stdout, /disk/);
  for (const role of ["orchestrator", "collector"] as const) {
    const health = await roles.run(role, ["health", ...CA], { BATON_TLS_CA: "" });
    assertEquals(health.code, EXIT.done, health.stderr);
    assertMatch(health.stdout, /status ok/);
    const plain = await roles.run(role, ["health"], { BATON_TLS_CA: "" });
    assertRefused(plain, EXIT.unreachable, /read TLS as plain text; .*--tls-ca/);
  }
  const plain = await roles.run("orchestrator", ["list"], { BATON_TLS_CA: "" });
  assertRefused(plain, EXIT.unreachable, /read TLS as plain text; .*--tls-ca/);

  // An agent that no longer speaks TLS is not asked in plain text.
  await roles.stop("analyzer");
  roles.start("analyzer", { BATON_TLS_CERT: "", BATON_TLS_KEY: "" });
  const down = await roles.until(
    ["agents"],
    ({ stdout }) => stdout.includes("does not speak TLS"),
  );
  assertEquals(down.code, EXIT.failed);
});

tlsTest("serve reports in one line what is wrong with a file for TLS", async (ca) => {
  await using roles = await rolesOf(ca, () => ({}));
  await Deno.writeTextFile(`${ca.folder}/secret/garbage`, "garbage");
  const torn = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  await Deno.writeTextFile(`${ca.folder}/secret/torn`, torn);
  const [cert, key] = ["secret/collector.pem", "secret/collector.key"];
  const wrong: [args: string[], code: number, why: RegExp][] = [
    [["--tls-cert", cert], EXIT.usage, /takes both --tls-cert and --tls-key/],
    [["--tls-key", key], EXIT.usage, /takes both --tls-cert and --tls-key/],
    [["--tls-cert", "secret/none", "--tls-key", key], EXIT.usage, /read "secret\/none"/],
    [["--tls-cert", "secret/garbage", "--tls-key", key], EXIT.usage, /"secret\/garbage" as a cert/],
    [["--tls-cert", "secret/torn", "--tls-key", key], EXIT.usage, /"secret\/torn" as a cert/],
    [["--tls-cert", cert, "--tls-key", "secret/garbage"], EXIT.usage, /garbage" as a private key/],
    [["--tls-cert", cert, "--tls-key", "secret/reporter.key"], EXIT.usage, /not the key of "secr/],
    [
      ["--tls-cert", "ca/ca.pem", "--tls-key", key],
      EXIT.not_permitted,
      /below "secret" and "\/run/,
    ],
  ];
  const ran = await Promise.all(
    (["collector", "orchestrator"] as const).flatMap((role) =>
      wrong.map(async ([args, code, why]) =>
        [await roles.run(role, ["serve", ...args]), code, why] as const
      )
    ),
  );
  for (const [outcome, code, why] of ran) assertRefused(outcome, code, why);
  const noCa = await roles.run("orchestrator", ["list", "--tls-ca", "secret/torn"]);
  assertRefused(noCa, EXIT.usage, /"secret\/torn" as a certificate/);
});
