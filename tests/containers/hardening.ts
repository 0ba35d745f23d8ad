/**
 * Each container of the running stack against the list of what it may have. `.ci/containers` runs
 * this, after the stack has worked.
 *
 * @module
 */
import { sleep } from "../../lib/retry.ts";
import { PORTS, type Role } from "../../lib/roles.ts";
import { figures } from "../harness/test_output.ts";
import { Checks } from "./checks.ts";
import { type Container, docker, isRole, type Service, stack } from "./docker.ts";

const MIB = 1024 ** 2;
const SECOND = 1e9;
const TOP_TRIES = 20;
const TOP_MS = 200;

const containers = await stack();
const all = Object.entries(containers) as [Service, Container][];
const roles = all.filter(([service]) => isRole(service)) as [Role, Container][];
const checks = new Checks();

Deno.test.afterAll(() => figures(`${all.length} containers, ${checks.count} checks of them`));

/** How every container is confined, as `docker inspect` calls it. */
const CONFINED = {
  ReadonlyRootfs: true,
  CapDrop: ["ALL"],
  CapAdd: null,
  Privileged: false,
  // And nothing that takes Docker's own filters of system calls and files away.
  SecurityOpt: ["no-new-privileges:true"],
  PidsLimit: 64,
  Memory: 768 * MIB,
  MemorySwap: 768 * MIB,
  NanoCpus: SECOND,
  CpuShares: 512,
  OomKillDisable: false,
  OomScoreAdj: 0,
  Init: true,
  IpcMode: "none",
  PidMode: "",
  UTSMode: "",
  UsernsMode: "",
  Devices: null,
  DeviceRequests: null,
  DeviceCgroupRules: null,
  CgroupParent: "",
  Sysctls: null,
  VolumesFrom: null,
  ExtraHosts: null,
  GroupAdd: null,
  Dns: ["127.0.0.1"],
  DnsOptions: ["timeout:1", "attempts:2"],
  PublishAllPorts: false,
};

// Seen to fail: 114 of them, with the keys of `x-hardened` taken out, and `pid`, `userns_mode`,
// `devices`, `cap_add`, `extra_hosts`, `group_add`, `oom_kill_disable`, `oom_score_adj`, `sysctls`,
// `cgroup_parent` and `device_cgroup_rules` put in.
checks.test("each container is confined", () => {
  for (const [service, { HostConfig, Config }] of all) {
    for (const [key, expected] of Object.entries(CONFINED)) {
      // Docker writes an empty list in either way.
      const is = HostConfig[key];
      const actual = Array.isArray(is) && is.length === 0 ? null : is;
      checks.equal(`${service} ${key}`, actual ?? null, expected);
    }
    for (const key of ["MaskedPaths", "ReadonlyPaths"]) {
      checks.equal(`${service} ${key}, as Docker has them`, HostConfig[key]?.length > 0, true);
    }
    const { Ulimits, LogConfig, RestartPolicy } = HostConfig;
    const ulimits = Ulimits?.map(({ Name, Soft, Hard }: Record<string, unknown>) =>
      `${Name} ${Soft} ${Hard}`
    ).sort();
    checks.equal(`${service} ulimits`, ulimits ?? null, ["core 0 0", "nofile 8192 8192"]);
    checks.equal(`${service} log driver`, LogConfig.Type, "local");
    const bounds = Object.entries(LogConfig.Config).map((pair) => pair.join(" ")).sort();
    checks.equal(`${service} log`, bounds, [
      "max-buffer-size 4m",
      "max-file 3",
      "max-size 10m",
      "mode non-blocking",
    ]);
    checks.equal(`${service} user`, Config.User, "65532:65532");
    checks.equal(`${service} grace period`, Config.StopTimeout, 10);
    const restart = isRole(service) ? "unless-stopped" : "";
    checks.equal(`${service} restart`, RestartPolicy.Name.replace(/^no$/, ""), restart);
    checks.equal(`${service} colour`, Config.Env.includes("NO_COLOR=1"), isRole(service));
  }
});

// Seen to fail: processes, CapBnd, NoNewPrivs, open and core files, with the same taken out.
checks.test("the kernel holds each process to it", async () => {
  for (const [role, { Id }] of roles) {
    const command = role === "orchestrator" ? "/baton/orchestrator serve" : `/baton/${role}`;
    const expected = [`/sbin/docker-init -- ${command}`, command];
    const processes = await processesOf(Id, expected.length);
    const told = processes.map((line) => line.trim().replace(/^\d+\s+/, ""));
    checks.equal(`${role} processes`, told, expected);
    for (const pid of processes.map((line) => parseInt(line))) {
      const status = await Deno.readTextFile(`/proc/${pid}/status`);
      const limits = await Deno.readTextFile(`/proc/${pid}/limits`);
      const field = (name: string): string | undefined =>
        new RegExp(`^${name}:\\s+(.*)$`, "m").exec(status)?.[1].replaceAll("\t", " ");
      const limit = (name: string): string | undefined =>
        new RegExp(`^${name}\\s+(\\d+)\\s+(\\d+)`, "m").exec(limits)?.slice(1).join(" ");
      for (const ids of ["Uid", "Gid"]) {
        checks.equal(`${role} ${ids}`, field(ids), "65532 65532 65532 65532");
      }
      for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
        checks.equal(`${role} ${set}`, field(set), "0000000000000000");
      }
      checks.equal(`${role} NoNewPrivs`, field("NoNewPrivs"), "1");
      checks.equal(`${role} Seccomp`, field("Seccomp"), "2");
      checks.equal(`${role} open files`, limit("Max open files"), "8192 8192");
      checks.equal(`${role} core files`, limit("Max core file size"), "0 0");
    }
  }
});

/** The container's processes, asked again while a health check is among them. */
async function processesOf(id: string, count: number): Promise<string[]> {
  for (let tries = 1;; tries++) {
    const processes = (await docker("top", id, "-eo", "pid,args")).split("\n").slice(1);
    if (processes.length === count || tries === TOP_TRIES) return processes;
    await sleep(TOP_MS);
  }
}

// Seen to fail: with a health check in the shell's form, which is never well.
checks.test("each role is well, and says so without a shell", async () => {
  for (const [role, { Config, Id }] of roles) {
    checks.equal(`${role} check`, Config.Healthcheck.Test, ["CMD", `/baton/${role}`, "health"]);
    const health = await docker("inspect", "-f", "{{.State.Health.Status}}", Id);
    checks.equal(`${role} health`, health, "healthy");
    const { stdout } = await answer(Id, role);
    checks.equal(`${role} port`, JSON.parse(stdout).role, role);
  }
  const { Status, ExitCode } = containers.secrets.State;
  checks.equal("secrets", `${Status} ${ExitCode}`, "exited 0");
});

async function answer(id: string, role: Role): Promise<{ stdout: string }> {
  const args = ["health", "--json", "--port", String(PORTS[role])];
  return { stdout: await docker("exec", id, `/baton/${role}`, ...args) };
}
