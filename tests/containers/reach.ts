/**
 * Which container can connect to which. This is tried twice: from each container's network without
 * Deno's sandbox, and by the program in its sandbox. A container on another network stands for the
 * outside, so that no address outside of this machine is dialled.
 *
 * A published port needs a network that is not internal. Over its gateway, the orchestrator's container
 * can connect to this machine and send datagrams outside, which get no answer. Only the program's
 * permissions prevent that.
 *
 * @module
 */
import { PORTS, type Role, ROLES } from "../../lib/roles.ts";
import { figures } from "../harness/test_output.ts";
import { Checks } from "./checks.ts";
import {
  DENO_IMAGE,
  docker,
  inspectStack,
  PROJECT,
  PUBLISHED_PORT,
  run,
  TempContainer,
} from "./docker.ts";

const AGENTS = ROLES.filter((role) => role !== "orchestrator");
const OUTSIDE = `${PROJECT}_outside`;
const OUTSIDE_PORT = 9000;
/** How long a connection may take. */
const CONNECT_MS = 5_000;

/** Module: accepts connections and closes them. */
const LISTEN = `for await (const conn of Deno.listen({ port: ${OUTSIDE_PORT} })) conn.close();`;
/** Module: connects to each address, and prints "open" or an error for each. */
const CONNECT = `
  const connect = async (address) => {
    const timeout = new Promise((resolve) => setTimeout(resolve, ${CONNECT_MS}, "no answer"));
    const opened = Deno.connect(address).then(() => "open", (error) => error.message);
    return await Promise.race([opened, timeout]);
  };
  console.log(JSON.stringify(await Promise.all(JSON.parse(Deno.args[0]).map(connect))));
  Deno.exit();`;

const containers = await inspectStack();
const checks = new Checks();
const counts = { open: 0, refused: 0, denied: 0 };

Deno.test.afterAll(() =>
  figures(
    `${counts.open + counts.refused} connects tried from containers, ${counts.refused} refused; ` +
      `${counts.denied} denied by the sandbox`,
  )
);

interface Target {
  readonly hostname: string;
  readonly port: number;
}

/** Connects to each target from a network; returns "open" or an error for each. */
async function connectAll(network: string, targets: Target[]): Promise<string[]> {
  const options = ["--rm", "--network", network, "--entrypoint", "deno", DENO_IMAGE];
  return JSON.parse(await docker("run", ...options, "eval", CONNECT, JSON.stringify(targets)));
}

/** Checks that `from` can connect to each of `open`, and to none of `shut`. */
async function check(from: Role | "outside", network: string, open: Target[], shut: Target[]) {
  const results = await connectAll(network, [...open, ...shut]);
  [...open, ...shut].forEach(({ hostname, port }, index) => {
    const actual = results[index] === "open" ? "open" : "refused";
    counts[actual]++;
    const expected = index < open.length ? "open" : "refused";
    const why = actual === expected ? "" : ` (${results[index]})`;
    checks.equal(`${from} to ${hostname}:${port}${why}`, actual, expected);
  });
}

/** A role's address on each of its networks. */
function addressesOf(role: Role): string[] {
  return Object.values(containers[role].NetworkSettings.Networks).map(({ IPAddress }) => IPAddress);
}

/** A role's name and addresses, each with its port. */
function targetsOf(role: Role): Target[] {
  return [role, ...addressesOf(role)].map((hostname) => ({ hostname, port: PORTS[role] }));
}

// Seen to fail: with the agents on one network; with networks that are not internal; with the port
// published on all addresses; with the collector on the outside network.
checks.test("an agent reaches the orchestrator only, and the orchestrator reaches the agents only", async () => {
  await docker("network", "create", OUTSIDE);
  try {
    const options = ["--network", OUTSIDE, "--network-alias", "outside"];
    await using listening = await TempContainer.start(LISTEN, ...options);
    const [{ NetworkSettings }] = JSON.parse(await docker("inspect", listening.id));
    const { IPAddress, Gateway } = NetworkSettings.Networks[OUTSIDE];
    // A port of this machine, which containers see at each network's gateway.
    using onHost = Deno.listen({ hostname: "0.0.0.0", port: 0 });
    const outside = [IPAddress, "outside"].map((hostname) => ({ hostname, port: OUTSIDE_PORT }));

    const checksOfRoles = ROLES.map(async (role) => {
      const { Id, NetworkSettings: { Networks } } = containers[role];
      const own = { hostname: "127.0.0.1", port: PORTS[role] };
      const others = AGENTS.filter((agent) => agent !== role).flatMap(targetsOf);
      const orchestrator = targetsOf("orchestrator");
      const gateways = [Gateway, ...Object.values(Networks).map((network) => network.Gateway)]
        .filter((hostname) => hostname !== "");
      const published = gateways.map((hostname) => ({ hostname, port: PUBLISHED_PORT }));
      const hostPorts = gateways.map((hostname) => ({
        hostname,
        port: (onHost.addr as Deno.NetAddr).port,
      }));
      if (role === "orchestrator") {
        await check(role, `container:${Id}`, [own, ...others], [...outside, ...published]);
        return;
      }
      const shared = containers.orchestrator.NetworkSettings.Networks[Object.keys(Networks)[0]];
      const open = orchestrator.filter(({ hostname }) =>
        hostname === "orchestrator" || hostname === shared?.IPAddress
      );
      const shut = orchestrator.filter((target) => !open.includes(target));
      const forbidden = [...shut, ...others, ...outside, ...published, ...hostPorts];
      await check(role, `container:${Id}`, [own, ...open], forbidden);
    });
    // The control: a container on the outside network reaches the outside.
    const all = [check("outside", OUTSIDE, outside, []), ...checksOfRoles];
    await Promise.allSettled(all);
    await Promise.all(all);
  } finally {
    await docker("network", "rm", OUTSIDE);
  }
});

// Seen to fail: with the port published on all addresses.
checks.test("the published port is open on 127.0.0.1, and on no other address of this machine", async () => {
  const addresses = Deno.networkInterfaces().filter(({ family }) => family === "IPv4")
    .map(({ address }) => address).filter((address) =>
      !addressesOf("orchestrator").includes(address)
    );
  for (const hostname of addresses) {
    const opened = await Deno.connect({ hostname, port: PUBLISHED_PORT }).then(
      (conn) => (conn.close(), true),
      () => false,
    );
    checks.equal(`${hostname}:${PUBLISHED_PORT}`, opened, hostname === "127.0.0.1");
  }
});

// Seen to fail: with the ports of other roles, and with the gateway, among a program's permissions.
checks.test("each program's sandbox denies it all addresses that its role does not need", async () => {
  const front = containers.orchestrator.NetworkSettings.Networks[`${PROJECT}_front`];
  for (const role of ROLES) {
    const attempts = role === "orchestrator"
      ? [
        ["list", "--host", addressesOf("collector")[0], "--port", String(PORTS.collector)],
        ["list", "--host", front.Gateway],
      ]
      : ROLES.filter((other) => other !== role)
        .map((other) => ["health", "--port", String(PORTS[other])]);
    for (const args of attempts) {
      const { code, stderr } = await run(
        "docker",
        "exec",
        containers[role].Id,
        `/baton/${role}`,
        ...args,
      );
      const denied = code !== 0 && stderr.includes("Requires net access");
      if (denied) counts.denied++;
      checks.equal(`${role} ${args.join(" ")}: ${stderr}`, denied, true);
    }
  }
});
