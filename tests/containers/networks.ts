/**
 * The networks of the running stack, and its published port.
 *
 * @module
 */
import { Checks } from "./checks.ts";
import { type Container, docker, PROJECT, PUBLISHED_PORT, type Service, stack } from "./docker.ts";

const containers = await stack();
const all = Object.entries(containers) as [Service, Container][];
const checks = new Checks();

// Seen to fail: with agents on one network, with `internal` and the options taken out, with an
// agent's port published, and the orchestrator's on all addresses.
checks.test("an agent shares a network without a way out with the orchestrator alone", async () => {
  const names = (service: Service): string[] =>
    Object.keys(containers[service].NetworkSettings.Networks).sort();
  const agents = ["analyzer", "collector", "reporter"] as const;
  const own = agents.map((agent) => `${PROJECT}_ai_net_${agent}`);
  agents.forEach((agent, at) => checks.equal(`${agent} networks`, names(agent), [own[at]]));
  checks.equal("orchestrator networks", names("orchestrator"), [...own, `${PROJECT}_front`]);
  checks.equal("secrets networks", names("secrets"), ["none"]);
  for (const network of own) {
    const [{ Internal, Options, Driver }] = JSON.parse(await docker("network", "inspect", network));
    checks.equal(`${network} internal`, Internal, true);
    checks.equal(`${network} driver`, Driver, "bridge");
    checks.equal(`${network} options`, Options, {
      "com.docker.network.bridge.inhibit_ipv4": "true",
    });
  }
  const [{ Options }] = JSON.parse(await docker("network", "inspect", `${PROJECT}_front`));
  checks.equal("front", Options, { "com.docker.network.bridge.enable_ip_masquerade": "false" });
  for (const [service, { NetworkSettings }] of all) {
    const published = Object.entries(NetworkSettings.Ports).flatMap(([port, hosts]) =>
      (hosts ?? []).map(({ HostIp, HostPort }) => `${HostIp}:${HostPort} ${port}`)
    );
    const expected = service === "orchestrator" ? [`127.0.0.1:${PUBLISHED_PORT} 7100/tcp`] : [];
    checks.equal(`${service} published`, published, expected);
  }
});
