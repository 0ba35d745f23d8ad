/**
 * The floors: a file imports only from lower floors, or from its own where the table says so.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { walk } from "@std/fs/walk";

/** Lowest first. A folder stands for all of its files that are not named themselves. */
const FLOORS = [
  [
    "lib/errors",
    "lib/exit",
    "lib/write_all",
    "lib/abort",
    "lib/concat",
    "lib/digest",
    "lib/printable",
    "lib/roles",
    "lib/parse_bounded",
    "lib/small_file",
    "lib/system",
    "lib/system_errors",
  ],
  ["lib/limits", "lib/members", "lib/newcomers", "lib/tls_loops", "lib/turns"],
  ["lib/line_shape", "lib/room", "lib/tls_records"],
  [
    "lib/damage",
    "lib/file",
    "lib/log",
    "lib/protocol",
    "lib/retry",
    "lib/auth",
    "lib/tls_connection",
    "lib/tls_connector",
  ],
  [
    "lib/lines",
    "lib/record",
    "lib/hello",
    "lib/guesses",
    "lib/take_folder",
    "lib/tls_listener",
    "lib/sparing_log",
    "lib/weight",
    "lib/large_lines",
  ],
  [
    "lib/segment",
    "lib/admission",
    "lib/session",
    "lib/client",
    "lib/reserve",
    "lib/tls",
    "lib/in_hand",
  ],
  [
    "lib/segments",
    "lib/keep_tail",
    "lib/snapshot",
    "lib/server",
    "lib/link",
    "lib/config",
  ],
  ["lib/journal", "lib/repair", "lib/read_secret", "lib/tls_settings"],
  ["lib/memory", "lib/program"],
  [
    "lib/launch",
    "agents/define",
    "agents/add_counts",
    "agents/shapes",
    "orchestrator/task",
    "orchestrator/pauses",
    "orchestrator/pipelines",
    "orchestrator/queue",
    "orchestrator/retention",
    "orchestrator/room",
    "orchestrator/waits",
  ],
  ["orchestrator/task_store"],
  [
    "agents/draft",
    "agents/requests",
    "orchestrator/task_log",
    "orchestrator/fit_reply",
    "orchestrator/agents",
  ],
  ["agents/execute", "agents/own_state"],
  ["agents/thread"],
  ["agents/isolate"],
  [
    "agents/runtime",
    "orchestrator/run_task",
    "orchestrator/retry_task",
    "orchestrator/inbox",
    "orchestrator/dashboard",
  ],
  ["agents/service", "orchestrator/scheduler", "orchestrator/console"],
  ["agents/run", "orchestrator/watchdog"],
  ["orchestrator/why"],
  [
    "agents/collector",
    "agents/analyzer",
    "agents/reporter",
    "orchestrator/api",
    "orchestrator/remote",
  ],
  [
    "orchestrator/settings",
    "orchestrator/make_secret",
    "orchestrator/commands",
    "orchestrator/orchestrator",
  ],
  ["orchestrator/serve"],
  ["orchestrator/cli"],
  ["orchestrator/main"],
] as const;

/** Inside these a file may import any other; the test for circles holds there too. */
const FOLDERS = ["lib/launch", "agents/collector", "agents/analyzer", "agents/reporter"];

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

function placeOf(file: string): string {
  return FOLDERS.find((folder) => file.startsWith(folder + "/")) ?? file;
}

function floorOf(file: string): number {
  return FLOORS.findIndex((floor) => (floor as readonly string[]).includes(placeOf(file)));
}

/** The arrows that go up, or sideways between two places. */
function wrongArrows(imports: ReadonlyMap<string, string[]>): string[] {
  return [...imports].flatMap(([file, targets]) =>
    targets.filter((target) => placeOf(target) !== placeOf(file))
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

Deno.test("every file stands on a floor, and every place in the table has a file", async () => {
  const files = [...(await readImports()).keys()];
  assertEquals(files.filter((file) => floorOf(file) < 0), []);
  const places = new Set(files.map(placeOf));
  assertEquals(FLOORS.flat().filter((place) => !places.has(place)), []);
});

Deno.test("no import goes up, or sideways", async () => {
  assertEquals(wrongArrows(await readImports()), []);
});

Deno.test("no imports go in a circle", async () => {
  assertEquals(circle(await readImports()), undefined);
});

Deno.test("agents and orchestrator never import each other, nor an agent another one", async () => {
  const house = (file: string): string => placeOf(file).split("/")[0];
  const strange = [...await readImports()].flatMap(([file, targets]) =>
    targets.filter((target) => house(target) !== "lib" && house(target) !== house(file))
      .map((target) => `${file} -> ${target}`)
  );
  assertEquals(strange, []);
});

Deno.test("the checks see a wrong arrow and a circle", () => {
  const wrong = new Map([["lib/errors", ["lib/memory"]], ["lib/memory", ["lib/errors"]]]);
  assertEquals(wrongArrows(wrong), ["lib/errors -> lib/memory"]);
  assertEquals(circle(wrong), ["lib/errors", "lib/memory", "lib/errors"]);
});
