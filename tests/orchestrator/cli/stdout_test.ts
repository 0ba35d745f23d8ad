/**
 * What a program does if its output can't be written.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { EXIT } from "../../../lib/exit.ts";
import { TempFolder } from "../../harness/temp_folder.ts";
import { within } from "../../harness/waiting.ts";
import { ask, FakeAgents, Site } from "../site.ts";

const PROJECT = new URL("../../../", import.meta.url).pathname;
/** Longer than a start takes, and longer than an unchanged view takes to be written again. */
const END_MS = 60_000;

type Output = "/dev/full" | "piped";

/** Starts a program. A shell redirects its output to a file. */
function start(site: Site, main: string, args: string[], output: Output): Deno.ChildProcess {
  const program = [
    ...[Deno.execPath(), "run", "--quiet", `--config=${PROJECT}deno.json`, "--no-check"],
    ...["--allow-all", `${PROJECT}${main}`, ...args],
  ];
  const redirect = output === "piped" ? "" : ` > ${output}`;
  return new Deno.Command("/bin/sh", {
    args: ["-c", `exec "$@"${redirect}`, "sh", ...program],
    cwd: site.folder,
    env: { AUTH_TOKEN: "", AUTH_TOKEN_FILE: "", NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function ended(child: Deno.ChildProcess): Promise<{ code: number; err: string }> {
  const [{ code }, err] = await within(
    Promise.all([child.status, new Response(child.stderr).text()]),
    "the end of a process",
    END_MS,
  );
  return { code, err };
}

/** Closes the output of a program, with `afterOne` once it has written something. */
async function hangUp(child: Deno.ChildProcess, afterOne: boolean): Promise<void> {
  if (!afterOne) return await child.stdout.cancel();
  const reader = child.stdout.getReader();
  await within(reader.read(), "the first of the output", END_MS);
  await reader.cancel();
}

/** Runs `work` beside an orchestrator with one finished task. `port` are the flags that name it. */
async function inSite(
  work: (site: Site, port: string[], task: string) => Promise<void>,
): Promise<void> {
  await using temp = await TempFolder.make();
  await using agents = await FakeAgents.start(temp.path);
  await using site = await Site.make(agents);
  await using serving = await site.serve();
  using client = await site.connect();
  const input = { sources: [{ text: "one\n" }] };
  const { task } = await ask(client, "submit", { input, wait_ms: 30_000 });
  await work(site, ["--port", String(site.ports.orchestrator)], task as string);
  assertEquals(await serving.stop(), EXIT.done);
}

Deno.test("a command whose result can't be written reports it and ends with storage_failed", async () => {
  await inSite(async (site, port, task) => {
    const cases: [main: string, args: string[]][] = [
      ["orchestrator/main.ts", ["--help"]],
      ["orchestrator/main.ts", ["list", "--help"]],
      ["orchestrator/main.ts", ["list", ...port]],
      ["orchestrator/main.ts", ["get", task, "--json", ...port]],
      ["orchestrator/main.ts", ["result", task, ...port]],
      ["orchestrator/main.ts", ["health", ...port]],
      ["agents/collector/main.ts", ["--help"]],
    ];
    await Promise.all(cases.map(async ([main, args]) => {
      const child = start(site, main, args, "/dev/full");
      const [{ code, err }] = await Promise.all([ended(child), hangUp(child, false)]);
      assertEquals(code, EXIT.storage_failed, args.join(" "));
      assertMatch(err, /^\w+: Cannot write the result to stdout: No space left on device.*\n$/);
    }));
  });
});

Deno.test("a command whose reader hangs up ends with its usual exit code and reports nothing", async () => {
  await inSite(async (site, port, task) => {
    const cases: [args: string[], afterOne: boolean][] = [
      [["--help"], false],
      [["list", ...port], false],
      [["get", task, ...port], false],
      [["dashboard", "--json", ...port], true], // nothing changes that it would show
    ];
    await Promise.all(cases.map(async ([args, afterOne]) => {
      const child = start(site, "orchestrator/main.ts", args, "piped");
      const [{ code, err }] = await Promise.all([ended(child), hangUp(child, afterOne)]);
      assertEquals([code, err], [EXIT.done, ""], args.join(" "));
    }));
  });
});

Deno.test("serve continues when its dashboard can't be written or its reader hangs up", async () => {
  for (const output of ["/dev/full", "piped"] as const) {
    await using site = await Site.make();
    const child = start(site, "orchestrator/main.ts", site.serveArgs(), output);
    const err = child.stderr.pipeThrough(new TextDecoderStream() as TransformStream).getReader();
    let said = "";
    const hear = async (word: string): Promise<void> => {
      while (!said.includes(word)) {
        const { value, done } = await within(err.read(), word, END_MS);
        if (done) throw new Error(`The log never had ${word}: ${said}`);
        said += value;
      }
    };
    await hear('"event":"serving"');
    await hangUp(child, output === "piped");
    using client = await site.connect();
    // Each task is a change that the dashboard would show.
    for (let count = 0; count < 3; count++) {
      const { task } = await ask(client, "submit", { input: { sources: [{ text: "x" }] } });
      await ask(client, "cancel", { task });
    }
    child.kill("SIGTERM");
    while (!(await within(err.read(), "the end", END_MS)).done);
    assertEquals((await child.status).code, EXIT.done, said);
  }
});
