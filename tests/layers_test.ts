/**
 * The rooms and their floors. A file imports from its own room and from rooms on lower floors.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { walk } from "@std/fs/walk";

/**
 * Lowest floor first; rooms on one floor do not know each other. A room is a folder, or a file with a
 * floor of its own. A file belongs to the longest name that fits it, so `lib` is the ground floor:
 * what lies in `lib/` itself.
 */
const FLOORS = [
  ["lib"],
  ["lib/wire", "lib/disk"],
  ["lib/tls", "lib/server", "lib/client"],
  ["lib/process"],
  ["lib/launch"],

  ["agents"],
  ["agents/runtime"],
  ["agents/run"],
  ["agents/collector/inbox", "agents/analyzer/bounds", "agents/reporter/content"],
  ["agents/collector/page", "agents/analyzer/records", "agents/reporter/html"],
  ["agents/collector/progress", "agents/analyzer/templates", "agents/reporter/markdown"],
  ["agents/analyzer/counts"],
  ["agents/analyzer/baseline"],
  ["agents/collector", "agents/analyzer", "agents/reporter"],

  ["orchestrator/tasks"],
  ["orchestrator/run", "orchestrator/inbox"],
  ["orchestrator/api", "orchestrator/dashboard"],
  ["orchestrator/orchestrator", "orchestrator/settings"],
  ["orchestrator/serve"],
  ["orchestrator/cli"],
  ["orchestrator/main"],
] as const;

const PROJECT = new URL("../", import.meta.url).pathname;
const IMPORT = /^(?:import|export)\s[^"]*?from "([^"]+)";|^import "([^"]+)";/gm;

/** Each file, without its ending, and the files that it imports. */
async function readImports(): Promise<Map<string, string[]>> {
  const imports = new Map<string, string[]>();
  for (const root of ["lib", "agents", "orchestrator"]) {
    for await (const { path } of walk(PROJECT + root, { includeDirs: false, exts: [".ts"] })) {
      const text = await Deno.readTextFile(path);
      const targets = [...text.matchAll(IMPORT)].map(([, from, bare]) => from ?? bare);
      const files = targets.filter((target) => target.startsWith("."))
        .map((target) => nameOf(new URL(target, `file://${path}`).pathname));
      imports.set(nameOf(path), files);
    }
  }
  return imports;
}

function nameOf(path: string): string {
  return path.slice(PROJECT.length).replace(/\.ts$/, "");
}

const ROOMS = FLOORS.flat().toSorted((a, b) => b.length - a.length);

function roomOf(file: string): string {
  return ROOMS.find((room) => file === room || file.startsWith(room + "/")) ?? file;
}

function floorOf(file: string): number {
  return FLOORS.findIndex((floor) => (floor as readonly string[]).includes(roomOf(file)));
}

/** The imports that go up, or sideways between two rooms. */
function wrongArrows(imports: ReadonlyMap<string, string[]>): string[] {
  return [...imports].flatMap(([file, targets]) =>
    targets.filter((target) => roomOf(target) !== roomOf(file))
      .filter((target) => floorOf(target) >= floorOf(file))
      .map((target) => `${file} -> ${target}`)
  );
}

/** A circle of imports, or nothing. */
function circle(imports: ReadonlyMap<string, string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (file: string, trail: string[]): string[] | undefined => {
    if (trail.includes(file)) return [...trail.slice(trail.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const target of imports.get(file) ?? []) {
      const found = visit(target, [...trail, file]);
      if (found !== undefined) return found;
    }
    done.add(file);
  };
  for (const file of imports.keys()) {
    const found = visit(file, []);
    if (found !== undefined) return found;
  }
}

Deno.test("every file stands on a floor, and every room in the table has a file", async () => {
  const files = [...(await readImports()).keys()];
  assertEquals(files.filter((file) => floorOf(file) < 0), []);
  const rooms = new Set(files.map(roomOf));
  assertEquals(FLOORS.flat().filter((room) => !rooms.has(room)), []);
});

Deno.test("no import goes up, or sideways", async () => {
  assertEquals(wrongArrows(await readImports()), []);
});

Deno.test("no imports go in a circle", async () => {
  assertEquals(circle(await readImports()), undefined);
});

Deno.test("agents and orchestrator never import each other, nor an agent another one", async () => {
  const strange = [...await readImports()].flatMap(([file, targets]) =>
    targets.filter((target) => !mayKnow(file, target)).map((target) => `${file} -> ${target}`)
  );
  assertEquals(strange, []);
});

Deno.test("the checks see a wrong arrow, a circle and a stranger", () => {
  const [low, high] = ["lib/errors", "lib/disk/memory"];
  const wrong = new Map([[low, [high]], [high, [low]]]);
  assertEquals(wrongArrows(wrong), [`${low} -> ${high}`]);
  assertEquals(circle(wrong), [low, high, low]);
  assertEquals(mayKnow("agents/analyzer/merge", "agents/collector/inbox/walk"), false);
  assertEquals(mayKnow("agents/run", "orchestrator/run/queue"), false);
});

/** The part of the house that a file is of: `lib`, `orchestrator`, the agents' frame, or one agent. */
function houseOf(file: string): string {
  return /^agents\/(?:collector|analyzer|reporter)\//.exec(file)?.[0] ?? file.split("/")[0];
}

function mayKnow(file: string, target: string): boolean {
  const [from, to] = [houseOf(file), houseOf(target)];
  return to === "lib" || to === from || (to === "agents" && from.startsWith("agents/"));
}
