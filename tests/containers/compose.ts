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
  }>;
}

const checks = new Checks();

async function readConfig(): Promise<Config> {
  return JSON.parse(await said("docker", "compose", "config", "--format", "json"));
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
