import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { makeSbom } from "../../../lib/launch/compile.ts";
import { type Lock, sbomOf } from "../../../lib/launch/sbom.ts";
import { ROLES } from "../../../lib/roles.ts";
import { skip } from "../../harness/test_output.ts";

type Sbom = ReturnType<typeof sbomOf>;

/** Returns the packages in a list, as in `jsr:@std/cli@1.0.28`, each with its digest in hex. */
function packagesIn({ components }: Sbom): [ref: string, digest: string][] {
  return components.flatMap(({ "bom-ref": ref, hashes = [] }) =>
    hashes.map(({ content }): [string, string] => [ref, content])
  );
}

/** Returns the same from deno.lock, for the packages with these names. */
function pinned(lock: Lock, ...names: string[]): [ref: string, digest: string][] {
  const ofJsr = Object.entries(lock.jsr).map(([id, { integrity }]) => [`jsr:${id}`, integrity]);
  const ofNpm = Object.entries(lock.npm).map(([id, { integrity }]) => {
    const [algorithm, digest] = integrity.split("-");
    assertEquals(algorithm, "sha512");
    return [`npm:${id}`, Buffer.from(digest, "base64").toString("hex")];
  });
  return [...ofJsr, ...ofNpm].filter(([ref]) =>
    names.some((name) => ref.slice(4).startsWith(`${name}@`))
  ) as [string, string][];
}

// Seen to fail: with every package of deno.lock listed, and with npm's digest left in base64.
Deno.test("makeSbom() lists the packages of a role and Deno, as deno.lock pins them", async () => {
  const lock = JSON.parse(await Deno.readTextFile("deno.lock"));
  for (const role of ROLES) {
    const sbom = await makeSbom(role, ".");
    assertEquals(packagesIn(sbom), pinned(lock, "@std/cli", "zod"), role);
    const [{ ref, dependsOn }] = sbom.dependencies;
    assertEquals(ref, sbom.metadata.component["bom-ref"]);
    assertEquals(dependsOn, sbom.components.map((each) => each["bom-ref"]));
    assertEquals(dependsOn.at(-1), `deno@${Deno.version.deno}`);
  }
});

// Seen to fail: with the imported packages alone.
Deno.test("sbomOf() lists indirect dependencies of npm packages, also if they form a circle", () => {
  const graph = {
    modules: [{ specifier: "npm:/a@1.0.0", npmPackage: "a@1.0.0" }],
    npmPackages: {
      "a@1.0.0": { dependencies: ["@b/c@2.0.0"] },
      "@b/c@2.0.0": { dependencies: ["a@1.0.0"] },
      "none@3.0.0": { dependencies: [] },
    },
  };
  const integrity = `sha512-${btoa("digest")}`;
  const npm = { "a@1.0.0": { integrity }, "@b/c@2.0.0": { integrity } };
  const { components } = sbomOf("analyzer", graph, { jsr: {}, npm }, "2.0.0");
  assertEquals(components.map(({ purl }) => purl), [
    "pkg:npm/%40b/c@2.0.0",
    "pkg:npm/a@1.0.0",
    "pkg:github/denoland/deno@v2.0.0",
  ]);
});

// Seen to fail: with a package taken out of a list, with one put in, and with another Deno.
Deno.test("compile() writes a list of what each program contains, and the list is right", async (t) => {
  const binaries = Deno.env.get("BATON_BINARIES");
  if (binaries === undefined) return await skip(t, "BATON_BINARIES is not set");
  for (const role of ROLES) {
    const sbom = JSON.parse(await Deno.readTextFile(`${binaries}/${role}.cdx.json`)) as Sbom;
    const program = await Deno.readFile(`${binaries}/${role}`);
    const text = new TextDecoder("latin1").decode(program);
    const ofJsr = text.matchAll(/https:\/\/jsr\.io\/(@[\w-]+\/[\w-]+)\/(\d+\.\d[\w.+-]*)\//g)
      .map(([, name, version]) => `jsr:${name}@${version}`);
    // A folder for each name, and one in it for each version.
    const ofNpm = text.matchAll(/"n":"([\w.-]+)","e":\[\{"Dir":\{"n":"(\d+\.\d+\.\d[\w.+-]*)"/g)
      .map(([, name, version]) => `npm:${name}@${version}`);
    const found = [...new Set([...ofJsr, ...ofNpm])].sort();
    assertEquals(found, packagesIn(sbom).map(([ref]) => ref), role);
    const { version } = sbom.components.at(-1)!;
    assert(text.includes(`Deno/${version}`), `${role} runs on Deno ${version}`);
  }
});
