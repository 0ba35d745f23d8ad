/**
 * What is in a program beside its own sources, as a list in CycloneDX 1.5. No registry is asked, and
 * no time is told: the same sources make the same list.
 *
 * @module
 */
import { type Role, VERSION } from "../roles.ts";

/** A program's modules and what npm packages need, as `deno info --json` gives them. */
export interface Graph {
  readonly modules: readonly { readonly specifier: string; readonly npmPackage?: string }[];
  readonly npmPackages: Readonly<Record<string, { readonly dependencies: readonly string[] }>>;
}

type Pins = Readonly<Record<string, { readonly integrity: string }>>;

/** What deno.lock holds each package to, by `name@version`. */
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

/** Lists the packages of a role's program, with deno.lock's digests, and the Deno that it runs on. */
export function sbomOf(role: Role, graph: Graph, lock: Lock, deno: string) {
  const packages: Component[] = [
    ...jsrPackages(graph).map((id) => {
      const { name, version } = parse(id);
      const list = encodeURIComponent(`https://jsr.io/${name}/${version}_meta.json`);
      const purl = `pkg:generic/${encodeURIComponent(name)}@${version}?download_url=${list}`;
      // The digest of the version's list of files.
      const hash = { alg: "SHA-256", content: lock.jsr[id].integrity };
      return { type: "library", "bom-ref": `jsr:${id}`, name, version, hashes: [hash], purl };
    }),
    ...npmPackages(graph).map((id) => {
      const { name, version } = parse(id);
      const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
      // The digest of the archive.
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
    dependencies: [{ ref: role, dependsOn: components.map((each) => each["bom-ref"]) }],
  };
}

function jsrPackages({ modules }: Graph): string[] {
  const ids = modules.map(({ specifier }) =>
    /^https:\/\/jsr\.io\/(@[^/]+\/[^/]+)\/([^/]+)\//.exec(specifier)?.slice(1).join("@")
  );
  return [...new Set(ids.filter((id) => id !== undefined))].sort();
}

/** Those that are imported, and what they need in turn. */
function npmPackages({ modules, npmPackages }: Graph): string[] {
  const ids = new Set(modules.flatMap(({ npmPackage }) => npmPackage ?? []));
  // What is added meanwhile is visited too.
  for (const id of ids) for (const needed of npmPackages[id].dependencies) ids.add(needed);
  return [...ids].sort();
}

function parse(id: string): { name: string; version: string } {
  const at = id.lastIndexOf("@");
  return { name: id.slice(0, at), version: id.slice(at + 1) };
}
