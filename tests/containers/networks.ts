/**
 * The networks of the running inspectStack, and its published port.
 *
 * @module
 */
import { Checks } from "./checks.ts";
import {
  type Container,
  docker,
  inspectStack,
  PROJECT,
  PUBLISHED_PORT,
  type Service,
} from "./docker.ts";

const containers = await inspectStack();
const all = Object.entries(containers) as [Service, Container][];
const checks = new Checks();

// Seen to fail: with agents on one network, without `internal` and the options, with an agent's port
// published, and with the orchestrator's port published on all addresses.
checks.test("each agent shares one internal network, and only with the orchestrator", async () => {
  const names = (service: Service): string[] =>
    Object.keys(containers[service].NetworkSettings.Networks).sort();
  const agents = ["analyzer", "collector", "reporter"] as const;
  const internal = agents.map((agent) => `${PROJECT}_ai_net_${agent}`);
  agents.forEach((agent, index) =>
    checks.equal(`${agent} networks`, names(agent), [internal[index]])
  );
  checks.equal("orchestrator networks", names("orchestrator"), [...internal, `${PROJECT}_front`]);
  checks.equal("secrets networks", names("secrets"), ["none"]);
  for (const network of internal) {
    const [{ Internal, Options, Driver }] = JSON.parse(await docker("network", "inspect", network));
    checks.equal(`${network} internal`, Internal, true);
    checks.equal(`${network} driver`, Driver, "bridge");
    checks.equal(`${network} options`, Options, {
      "com.docker.network.bridge.inhibit_ipv4": "true",
    });
  }
  const [{ Options }] = JSON.parse(await docker("network", "inspect", `${PROJECT}_front`));
  checks.equal(`${PROJECT}_front options`, Options, {
    "com.docker.network.bridge.enable_ip_masquerade": "false",
  });
  for (const [service, { NetworkSettings }] of all) {
    const published = Object.entries(NetworkSettings.Ports).flatMap(([port, hosts]) =>
      (hosts ?? []).map(({ HostIp, HostPort }) => `${HostIp}:${HostPort} ${port}`)
    );
    const expected = service === "orchestrator" ? [`127.0.0.1:${PUBLISHED_PORT} 7100/tcp`] : [];
    checks.equal(`${service} published`, published, expected);
  }
});
