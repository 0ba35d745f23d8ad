import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { EXIT, ExitError } from "../../../lib/exit.ts";
import { type TlsFiles, withTls } from "../../../lib/process/tls_settings.ts";
import { Client } from "../../../lib/client/client.ts";
import { SYSTEM, type System } from "../../../lib/system.ts";
import { serve } from "../../harness/test_server.ts";
import { PATIENCE_MS } from "../../harness/waiting.ts";
import { type PrivateCa, tlsTest } from "../tls/private_ca.ts";

// Seen to fail: with a key that is not compared with its certificate.

function filesIn({ folder }: PrivateCa): { cert: string; key: string; trusted: string } {
  const secret = `${folder}/secret`;
  return {
    cert: `${secret}/collector.pem`,
    key: `${secret}/collector.key`,
    trusted: `${secret}/ca.pem`,
  };
}

Deno.test("withTls() leaves the network plain if no file is named", async () => {
  assertEquals(await withTls({}), SYSTEM);
});

tlsTest("withTls() speaks TLS in the directions whose files are named", async (ca) => {
  const { cert, key, trusted } = filesIn(ca);
  const listens = await withTls({ "tls-cert": cert, "tls-key": key });
  const connects = await withTls({ "tls-ca": trusted });
  await using encrypted = await serve({ system: listens });
  await using plain = await serve({ system: connects });
  const isReached = async ({ net }: System, { hostname, port }: Deno.NetAddr): Promise<boolean> => {
    try {
      using client = await Client.open({ hostname, port }, undefined, { ...SYSTEM, net });
      return (await client.call("health", {}, { timeoutMs: PATIENCE_MS })).status === "ok";
    } catch {
      return false;
    }
  };
  const reached = [listens, connects].flatMap((system) =>
    [encrypted, plain].map(({ address }) => isReached(system, address))
  );
  assertEquals(await Promise.all(reached), [false, true, true, false]);
});

tlsTest("withTls() names the file that does not hold what it should", async (ca) => {
  const { cert, key } = filesIn(ca);
  const [garbage, torn, none] = ["garbage", "torn", "none"].map((name) => `${ca.folder}/${name}`);
  await Deno.writeTextFile(garbage, "garbage");
  await Deno.writeTextFile(torn, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  const wrong: [files: TlsFiles, why: RegExp][] = [
    [{ "tls-cert": cert }, /takes both --tls-cert and --tls-key/],
    [{ "tls-key": key }, /takes both --tls-cert and --tls-key/],
    [{ "tls-cert": none, "tls-key": key }, /read ".*\/none"/],
    [{ "tls-cert": garbage, "tls-key": key }, /"[^"]*\/garbage" as a certificate in PEM/],
    [{ "tls-cert": torn, "tls-key": key }, /"[^"]*\/torn" as a certificate in PEM/],
    [{ "tls-cert": cert, "tls-key": garbage }, /"[^"]*\/garbage" as a private key in PEM/],
    [
      { "tls-cert": cert, "tls-key": `${ca.folder}/secret/reporter.key` },
      /reporter\.key": it is not the key of "[^"]*\/collector\.pem"/,
    ],
    [{ "tls-ca": torn }, /"[^"]*\/torn" as a certificate in PEM/],
  ];
  for (const [files, why] of wrong) {
    const { exitCode, message } = await assertRejects(() => withTls(files), ExitError);
    assertEquals(exitCode, EXIT.usage, message);
    assertMatch(message, why);
  }
});
