/**
 * Who reaches whom. Twice: from each container's network without Deno's sandbox, and with the
 * program in it. No address outside of this machine is dialled: a container on another network
 * stands for the outside.
 *
 * A published port needs a network that is not internal. At its gateway the orchestrator's container
 * reaches what listens on this machine, and datagrams that it sends leave, without an answer; its
 * program's permissions alone are against that.
 *
 * @module
 */
import { PORTS, type Role, ROLES } from "../../lib/roles.ts";
import { figures } from "../harness/test_output.ts";
import { Checks } from "./checks.ts";
import { DENO_IMAGE, docker, Helper, PROJECT, PUBLISHED_PORT, run, stack } from "./docker.ts";

const AGENTS = ROLES.filter((role) => role !== "orchestrator");
const OUTSIDE = `${PROJECT}_outside`;
const OUTSIDE_PORT = 9000;
const LIMIT_MS = 5_000;

const LISTEN = `for await (const conn of Deno.listen({ port: ${OUTSIDE_PORT} })) conn.close();`;
const CONNECT = `
  const connect = async (address) => {
    const late = new Promise((resolve) => setTimeout(resolve, ${LIMIT_MS}, "no answer"));
    const opened = Deno.connect(address).then(() => "open", (error) => error.message);
    return await Promise.race([opened, late]);
  };
  console.log(JSON.stringify(await Promise.all(JSON.parse(Deno.args[0]).map(connect))));
  Deno.exit();`;

const containers = await stack();
const checks = new Checks();
const tried = { open: 0, refused: 0, denied: 0 };

Deno.test.afterAll(() =>
  figures(
    `${tried.open + tried.refused} connects tried from containers, ${tried.refused} refused; ` +
      `${tried.denied} denied by the sandbox`,
  )
);

interface Target {
  readonly hostname: string;
  readonly port: number;
}

/** Tries to connect from the network of a container; what came of each. */
async function connects(network: string, targets: Target[]): Promise<string[]> {
  const options = ["--rm", "--network", network, "--entrypoint", "deno", DENO_IMAGE];
  return JSON.parse(await docker("run", ...options, "eval", CONNECT, JSON.stringify(targets)));
}

async function check(role: Role | "outside", network: string, open: Target[], shut: Target[]) {
  const results = await connects(network, [...open, ...shut]);
  [...open, ...shut].forEach(({ hostname, port }, at) => {
    const is = results[at] === "open" ? "open" : "refused";
    tried[is]++;
    const should = at < open.length ? "open" : "refused";
    const why = is === should ? "" : ` (${results[at]})`;
    checks.equal(`${role} to ${hostname}:${port}${why}`, is, should);
  });
}

function addressesOf(role: Role): string[] {
  return Object.values(containers[role].NetworkSettings.Networks).map(({ IPAddress }) => IPAddress);
}

/** The names and addresses of a role on every network. */
function targetsOf(role: Role): Target[] {
  return [role, ...addressesOf(role)].map((hostname) => ({ hostname, port: PORTS[role] }));
}

// Seen to fail: with the agents on one network; with networks that are not internal, to the host;
// with the port published on all addresses; with the collector joined to the outside.
checks.test("an agent reaches the orchestrator alone, which reaches the agents and no outside", async () => {
  await docker("network", "create", OUTSIDE);
  try {
    const options = ["--network", OUTSIDE, "--network-alias", "outside"];
    await using listening = await Helper.start(LISTEN, ...options);
    const [{ NetworkSettings }] = JSON.parse(await docker("inspect", listening.id));
    const { IPAddress, Gateway } = NetworkSettings.Networks[OUTSIDE];
    // Of this machine, which the containers see at each network's gateway.
    using here = Deno.listen({ hostname: "0.0.0.0", port: 0 });
    const outside = [IPAddress, "outside"].map((hostname) => ({ hostname, port: OUTSIDE_PORT }));

    const inside = ROLES.map(async (role) => {
      const { Id, NetworkSettings: { Networks } } = containers[role];
      const own = { hostname: "127.0.0.1", port: PORTS[role] };
      const others = AGENTS.filter((agent) => agent !== role).flatMap(targetsOf);
      const hub = targetsOf("orchestrator");
      const hosts = [Gateway, ...Object.values(Networks).map((network) => network.Gateway)]
        .filter((hostname) => hostname !== "");
      const published = hosts.map((hostname) => ({ hostname, port: PUBLISHED_PORT }));
      const host = hosts.map((hostname) => ({ hostname, port: (here.addr as Deno.NetAddr).port }));
      if (role === "orchestrator") {
        await check(role, `container:${Id}`, [own, ...others], [...outside, ...published]);
        return;
      }
      const shared = containers.orchestrator.NetworkSettings.Networks[Object.keys(Networks)[0]];
      const open = hub.filter(({ hostname }) =>
        hostname === "orchestrator" || hostname === shared?.IPAddress
      );
      const shut = hub.filter((target) => !open.includes(target));
      const forbidden = [...shut, ...others, ...outside, ...published, ...host];
      await check(role, `container:${Id}`, [own, ...open], forbidden);
    });
    // The control: whoever shares a network with the one outside reaches it.
    const tries = [check("outside", OUTSIDE, outside, []), ...inside];
    await Promise.allSettled(tries);
    await Promise.all(tries);
  } finally {
    await docker("network", "rm", OUTSIDE);
  }
});

// Seen to fail: with the port published on all addresses.
checks.test("the orchestrator's port is open on 127.0.0.1, and on no other address", async () => {
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
checks.test("the programs may dial nobody else either", async () => {
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
      if (denied) tried.denied++;
      checks.equal(`${role} ${args.join(" ")}: ${stderr}`, denied, true);
    }
  }
});
