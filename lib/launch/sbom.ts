/**
 * A list of what a program contains besides its own sources, in the format CycloneDX 1.5. It needs no
 * registry and contains no time, so that the same sources make the same list.
 *
 * @module
 */
import { type Role, VERSION } from "../roles.ts";

/** A program's modules and the dependencies of npm packages, as `deno info --json` prints them. */
export interface Graph {
  readonly modules: readonly { readonly specifier: string; readonly npmPackage?: string }[];
  readonly npmPackages: Readonly<Record<string, { readonly dependencies: readonly string[] }>>;
}

type Pins = Readonly<Record<string, { readonly integrity: string }>>;

/** The digest of each package in deno.lock, by `name@version`. */
export interface Lock {
  readonly jsr: Pins;
  readonly npm: Pins;
}

interface Component {
  readonly type: string;
  readonly "bom-ref": string;
  readonly name: string;
  readonly version: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly purl: string;
}

/**
 * Lists the packages of a role's program, with their digests in `lock`, and the Deno that runs it.
 *
 * @param deno the version of Deno
 */
export function sbomOf(role: Role, graph: Graph, lock: Lock, deno: string) {
  const packages: Component[] = [
    ...jsrPackages(graph).map((id) => {
      const { name, version } = parsePackageId(id);
      const list = encodeURIComponent(`https://jsr.io/${name}/${version}_meta.json`);
      const purl = `pkg:generic/${encodeURIComponent(name)}@${version}?download_url=${list}`;
      // JSR's digest is the one of the version's list of files.
      const hash = { alg: "SHA-256", content: lock.jsr[id].integrity };
      return { type: "library", "bom-ref": `jsr:${id}`, name, version, hashes: [hash], purl };
    }),
    ...npmPackages(graph).map((id) => {
      const { name, version } = parsePackageId(id);
      const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
      // npm's digest is the one of the package's archive.
      const digest = Uint8Array.fromBase64(lock.npm[id].integrity.slice("sha512-".length)).toHex();
      const hash = { alg: "SHA-512", content: digest };
      return { type: "library", "bom-ref": `npm:${id}`, name, version, hashes: [hash], purl };
    }),
  ];
  const runtime: Component = {
    type: "platform",
    "bom-ref": `deno@${deno}`,
    name: "deno",
    version: deno,
    purl: `pkg:github/denoland/deno@v${deno}`,
  };
  const program = { type: "application", "bom-ref": role, name: `baton-${role}`, version: VERSION };
  const components = [...packages, runtime];
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: { component: program },
    components,
    dependencies: [{ ref: role, dependsOn: components.map((component) => component["bom-ref"]) }],
  };
}

function jsrPackages({ modules }: Graph): string[] {
  const ids = modules.map(({ specifier }) =>
    /^https:\/\/jsr\.io\/(@[^/]+\/[^/]+)\/([^/]+)\//.exec(specifier)?.slice(1).join("@")
  );
  return [...new Set(ids.filter((id) => id !== undefined))].sort();
}

/** Returns the packages that are imported, and their dependencies, direct and indirect. */
function npmPackages({ modules, npmPackages }: Graph): string[] {
  const ids = new Set(modules.flatMap(({ npmPackage }) => npmPackage ?? []));
  // The loop also visits the ids that it adds.
  for (const id of ids) for (const dependency of npmPackages[id].dependencies) ids.add(dependency);
  return [...ids].sort();
}

/** Splits `name@version`, as in `zod@4.6.7` and `@scope/name@1.0.0`. */
export function parsePackageId(id: string): { name: string; version: string } {
  const at = id.lastIndexOf("@");
  return { name: id.slice(0, at), version: id.slice(at + 1) };
}
