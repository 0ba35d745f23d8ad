/**
 * What each container of the running stack may read and write, and that no secret lies elsewhere.
 *
 * @module
 */
import type { Role } from "../../lib/roles.ts";
import { Checks } from "./checks.ts";
import {
  type Container,
  docker,
  isRole,
  PROJECT,
  run,
  secretOf,
  type Service,
  stack,
} from "./docker.ts";

const AGENTS = ["collector", "analyzer", "reporter"];
const AGENT_SECRETS = AGENTS.map((agent) =>
  `volume ${PROJECT}_secret_${agent} /run/secrets/${agent} ro`
);
/** What the service that makes the secrets mounts. */
const NEW_SECRETS = [
  `volume ${PROJECT}_secret /baton/secret/clients rw`,
  ...AGENTS.map((agent) => `volume ${PROJECT}_secret_${agent} /baton/secret/${agent} rw`),
];

const containers = await stack();
const all = Object.entries(containers) as [Service, Container][];
const roles = all.filter(([service]) => isRole(service)) as [Role, Container][];
const checks = new Checks();

// Seen to fail: with another role's volume, Docker's socket and a tmpfs mounted, with the secret
// and the inbox writable, and with the inbox mounted `private`.
checks.test("each container has its own volume, the secret, and the collector the inbox", async () => {
  const inbox = await Deno.realPath(Deno.env.get("BATON_INBOX") ?? "tests/inbox");
  for (const [service, { Mounts, HostConfig }] of all) {
    const mounts = Mounts.map(({ Type, Name, Source, Destination, RW, Propagation }) =>
      `${Type} ${Name ?? Source} ${Destination} ${RW ? "rw" : "ro"} ${Propagation}`.trimEnd()
    ).sort();
    const own = `volume ${PROJECT}_${service} /baton/memory/${service} rw`;
    const shared = service === "orchestrator" ? "secret" : `secret_${service}`;
    const expected = !isRole(service) ? NEW_SECRETS : [
      own,
      `volume ${PROJECT}_${shared} /baton/secret ro`,
      ...(service === "collector" ? [`bind ${inbox} /baton/inbox ro rprivate`] : []),
      ...(service === "orchestrator" ? AGENT_SECRETS : []),
    ];
    checks.equal(`${service} mounts`, mounts, expected.toSorted());
    checks.equal(`${service} memory that is a file`, HostConfig.Tmpfs ?? null, null);
  }
});

// Seen to fail: with the secret given as AUTH_TOKEN, and with it as an argument.
checks.test("the secret is in no setting, no process list and no log", async () => {
  const secrets = await Promise.all(roles.map(([, container]) => secretOf(container)));
  checks.equal("secrets, all different", new Set(secrets).size, roles.length);
  for (const secret of secrets) checks.equal("length of a secret", secret.length, 64);
  for (const [service, { Id, Config }] of all) {
    const token = Config.Env.find((entry) => entry.startsWith("AUTH_TOKEN=")) ?? "AUTH_TOKEN=";
    checks.equal(`${service} AUTH_TOKEN`, token.length, "AUTH_TOKEN=".length);
    const logs = await run("docker", "logs", Id);
    const told = { settings: await docker("inspect", Id), logs: logs.stdout + logs.stderr };
    const processes = isRole(service)
      ? { processes: await docker("top", Id, "-eo", "pid,args") }
      : {};
    for (const [where, text] of Object.entries({ ...told, ...processes })) {
      const told = secrets.some((secret) => text.includes(secret));
      checks.equal(`${service} ${where}`, told, false);
    }
  }
});

// Seen to fail: with a file written where `read_only` was taken out, with mounts that the image has
// no place for, and so without its /sbin/docker-init.
checks.test("nothing was written outside of the volumes", async () => {
  for (const [service, { Id }] of all) {
    checks.equal(`${service} docker diff`, await docker("diff", Id), "");
  }
});
