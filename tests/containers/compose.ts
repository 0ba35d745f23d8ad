/**
 * The compose file as Compose reads it: the rules that cannot be read off the running stack.
 *
 * @module
 */
import { Checks } from "./checks.ts";
import { readOutput, SERVICES } from "./docker.ts";

interface Config {
  readonly services: Record<string, {
    readonly image: string;
    readonly pull_policy?: string;
    readonly build?: object;
    readonly environment: Record<string, string>;
    readonly ports?: {
      readonly host_ip: string;
      readonly published: string;
      readonly target: number;
    }[];
  }>;
}

const checks = new Checks();

/** Reads the compose file with arguments of `env`, such as `NAME=value`. */
async function readConfig(...environment: string[]): Promise<Config> {
  return JSON.parse(
    await readOutput("env", ...environment, "docker", "compose", "config", "--format", "json"),
  );
}

// Seen to fail: without `pull_policy`, and with an image that no service builds.
checks.test("compose builds every image, and looks for none in a registry", async () => {
  const services = Object.entries((await readConfig()).services);
  checks.equal("services", services.map(([name]) => name).sort(), SERVICES.toSorted());
  for (const [name, { image, pull_policy }] of services) {
    checks.equal(`${name} pull_policy`, pull_policy, "never");
    const builders = services.filter(([, other]) => other.build && other.image === image);
    checks.equal(`${name} services that build ${image}`, builders.length, 1);
  }
});

// Seen to fail: with a fixed port, and with the variable passed on to the program.
checks.test("BATON_PUBLISHED_PORT changes the port on this machine, and nothing in a container", async () => {
  const defaults = (await readConfig("-u", "BATON_PUBLISHED_PORT")).services;
  const { services } = await readConfig("BATON_PUBLISHED_PORT=7200");
  const ports = ({ ports = [] }: Config["services"][string]) =>
    ports.map(({ host_ip, published, target }) => `${host_ip}:${published}:${target}`);
  for (const name of SERVICES) {
    const isPublic = name === "orchestrator";
    checks.equal(name, ports(services[name]), isPublic ? ["127.0.0.1:7200:7100"] : []);
    checks.equal(
      `${name} by default`,
      ports(defaults[name]),
      isPublic ? ["127.0.0.1:7100:7100"] : [],
    );
    checks.equal(`${name} environment`, services[name].environment, defaults[name].environment);
  }
});
