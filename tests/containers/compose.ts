/**
 * The compose file as Compose reads it. The rules that the running stack cannot show.
 *
 * @module
 */
import { Checks } from "./checks.ts";
import { said, SERVICES } from "./docker.ts";

interface Config {
  readonly services: Record<string, {
    readonly image: string;
    readonly pull_policy?: string;
    readonly build?: { readonly target?: string };
    readonly environment: Record<string, string>;
    readonly ports?: {
      readonly host_ip: string;
      readonly published: string;
      readonly target: number;
    }[];
  }>;
}

const checks = new Checks();

async function readConfig(...environment: string[]): Promise<Config> {
  return JSON.parse(
    await said("env", ...environment, "docker", "compose", "config", "--format", "json"),
  );
}

// Seen to fail: without `pull_policy`, and with an image that no service builds.
checks.test("compose builds every image, and looks for none in a registry", async () => {
  const services = Object.entries((await readConfig()).services);
  checks.equal("services", services.map(([name]) => name).sort(), SERVICES.toSorted());
  const built = services.filter(([, { build }]) => build !== undefined)
    .map(([, { image }]) => image);
  for (const [name, { image, pull_policy }] of services) {
    checks.equal(`${name} pull_policy`, pull_policy, "never");
    checks.equal(
      `${name} services that build ${image}`,
      built.filter((it) => it === image).length,
      1,
    );
  }
});

// Seen to fail: with a fixed port, and with the variable passed on to the program.
checks.test("BATON_PUBLISHED_PORT changes the port on this machine, and nothing in a container", async () => {
  const usual = (await readConfig("-u", "BATON_PUBLISHED_PORT")).services;
  const { services } = await readConfig("BATON_PUBLISHED_PORT=7200");
  const ports = ({ ports = [] }: Config["services"][string]) =>
    ports.map(({ host_ip, published, target }) => `${host_ip}:${published}:${target}`);
  for (const name of SERVICES) {
    const isPublic = name === "orchestrator";
    checks.equal(name, ports(services[name]), isPublic ? ["127.0.0.1:7200:7100"] : []);
    checks.equal(`${name} as usual`, ports(usual[name]), isPublic ? ["127.0.0.1:7100:7100"] : []);
    checks.equal(`${name} environment`, services[name].environment, usual[name].environment);
  }
});
