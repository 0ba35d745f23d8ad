/**
 * The test was seen to fail without each part of the rule, and without the plugin in deno.json.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import plugin from "./fixed_code.ts";

const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** Lines of code, each with the parts that the rule reports. */
const REFUSED: readonly (readonly [line: string, ...what: string[]])[] = [
  ["await import(name);", "import(name)"],
  ["await import(`./${name}.ts`);", "import(`./${name}.ts`)"],
  ['await import("./" + name);', 'import("./" + name)'],
  ["new Worker(name);", "Worker"],
  ["new Worker(new URL(name), { type: 'module' });", "Worker"],
  ["new globalThis.Worker(name);", "Worker"],
  ["new threads.Worker(name);", "Worker"],
  ['import { Worker as Thread } from "node:worker_threads";', "Worker"],
  ["class Thread extends Worker {}", "Worker"],
  ["eval(name);", "eval"],
  ["(0, eval)(name);", "eval"],
  ['globalThis["eval"](name);', '"eval"'],
  ["const { eval: run } = site;", "eval"],
  ["const run = eval;", "eval"],
  ["use({ eval });", "eval"],
  ["new Function(name);", "Function"],
  ["Function(name)();", "Function"],
  ["Reflect.construct(Function, [name]);", "Function"],
  ["const make: unknown = globalThis.Function;", "Function"],
  ["new WebAssembly.Module(bytes);", "WebAssembly"],
  ['globalThis["ev" + "al"](name);', '"ev" + "al"'],
  ["globalThis[`eval`](name);", "`eval`"],
  ["globalThis[name](name);", "globalThis"],
  ["const all = globalThis;", "globalThis"],
  ["Object.values(globalThis);", "globalThis"],
  ["use(self);", "self"],
  ["window[name](name);", "window"],
  ["Reflect.ownKeys(global);", "global"],
  ["site[self](name);", "self"],
  ['globalThis["eval" as never](name);', '"eval" as never'],
  ['globalThis["eval"!](name);', '"eval"!'],
  ['globalThis["eval" satisfies string](name);', '"eval" satisfies string'],
  ["class Site { thread = Worker; }", "Worker"],
  ['threads["Wor" + "ker"];', '"Wor" + "ker"'],
  ['const { "eval": run } = site;', '"eval"'],
  ['const { ["Function"]: make } = site;', '"Function"'],
  ['({ ["Worker"]: thread } = threads);', '"Worker"'],
  ['Reflect.get(threads, "Worker");', '"Worker"'],
  ["(() => {}).constructor(name)();", "constructor"],
  ["(async () => {}).constructor(name)();", "constructor"],
  ["Object.getPrototypeOf(function* () {}).constructor(name);", "constructor"],
  ['call["constructor"](name);', '"constructor"'],
  ["const { constructor: make } = call;", "constructor"],
  ['setTimeout("run()", 1);', '"run()"'],
  ["setInterval(`run(${name})`, 1);", "`run(${name})`"],
  ['setTimeout("run" + name as never, 1);', '"run" + name as never'],
  ['import { runInThisContext } from "node:vm";', '"node:vm"'],
  ['import module from "node:module";', '"node:module"'],
  ['import repl from "node:repl";', '"node:repl"'],
  ['import { Session } from "node:inspector/promises";', '"node:inspector/promises"'],
  ['import cluster from "node:cluster";', '"node:cluster"'],
  ['import { setFlagsFromString } from "v8";', '"v8"'],
  ['import { WASI } from "node:wasi";', '"node:wasi"'],
  ['export * from "node:vm";', '"node:vm"'],
  ['await import("node:vm");', '"node:vm"'],
  ['export { fork } from "node:child_process";', '"node:child_process"'],
  ['export * from "node:worker_threads";', '"node:worker_threads"'],
  ["process.getBuiltinModule(name);", "getBuiltinModule"],
  ['process["getBuiltinModule"](name);', '"getBuiltinModule"'],
  ['Reflect.get(process, "getBuiltinModule");', '"getBuiltinModule"'],
  ['Reflect.get(call, "constructor");', '"constructor"'],
  ['const { "constructor": make } = call;', '"constructor"'],
  ["class Site { static make() { return this.constructor; } }", "constructor"],
  ["import make = globalThis.Function;", "import make = globalThis.Function;"],
  ['import vm = require("node:vm");', 'import vm = require("node:vm");'],
  ["globalThis.self[name];", "self"],
  ['use(globalThis["globalThis"]);', '"globalThis"'],
  ["globalThis.Deno[name];", "Deno"],
  ["Deno[name];", "name"],
  ["(Deno as Site)[name];", "name"],
  ["Deno[Deno.internal];", "Deno.internal", "internal"],
  ['import * as threads from "node:worker_threads";', '"node:worker_threads"'],
  ['import threads from "worker_threads";', '"worker_threads"'],
  ['await import("node:worker_threads");', '"node:worker_threads"'],
];

const FREE = [
  'await import("./main.ts");',
  'import { Worker } from "node:worker_threads";',
  "let thread: Worker | undefined;",
  "let thread: threads.Worker;",
  "function call(f: Function): void {}",
  "let run: typeof eval;",
  "interface Site { Worker: number; eval(): void }",
  "const site = { Worker: 1, eval() {} };",
  "class Site { Worker = 1; eval() {} }",
  "functionOf(evaluate, WorkerPool);",
  'say("eval", "new Worker()");',
  "globalThis.addEventListener(name, listen);",
  "(globalThis as Site).gc?.();",
  "class Site { constructor() { this.name; } }",
  "use({ disk: Deno, net: Deno });",
  "Deno.errors.NotFound;",
  'Deno["args"];',
  "site.self; site.global; site.internal;",
  "setTimeout(run, 1);",
  "clock.after(ms, run);",
  'import { isMainThread } from "node:worker_threads";',
  "interface Site { self: number }",
];

Deno.test("baton/fixed-code reports computed import(), Worker, eval and Function", () => {
  for (const [line, ...what] of REFUSED) assertEquals(refusedIn(line), what, line);
});

Deno.test("baton/fixed-code allows types, keys and literal imports", () => {
  for (const line of FREE) assertEquals(refusedIn(line), [], line);
});

Deno.test("baton/fixed-code makes deno lint fail, except on lines that ignore the rule", async () => {
  const folder = await Deno.makeTempDir({ prefix: "baton-test-" });
  try {
    const path = `${folder}/loose.ts`;
    const ignored = "// deno-lint-ignore baton/fixed-code -- a test\n";
    await Deno.writeTextFile(path, `${ignored}new Worker("a");\nnew Worker("b");\n`);
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["lint", "--json", `--config=${CONFIG}`, path],
    }).output();
    const { diagnostics } = JSON.parse(new TextDecoder().decode(stdout));
    const found = diagnostics.map(({ code, range }: Found) => `${code}:${range.start.line}`);
    assertEquals(found, ["baton/fixed-code:3"]);
    assertEquals(code, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

interface Found {
  readonly code: string;
  readonly range: { readonly start: { readonly line: number } };
}

/** The parts of the line that the rule reports. */
function refusedIn(line: string): string[] {
  return Deno.lint.runPlugin(plugin, "line.ts", line).map(({ range }) => line.slice(...range));
}
