import { assertEquals, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../../lib/exit.ts";
import { AgentProcess, connect } from "../../harness/agent_process.ts";
import { Site } from "../../orchestrator/site.ts";
import { openMemory } from "./memories.ts";
import { contents, starts } from "./repairs.ts";
import { TempFolder } from "../../harness/temp_folder.ts";

Deno.test("An agent with a damaged memory names the command that repairs it, and the command does", async () => {
  await using folder = await TempFolder.make();
  const run = async (...args: string[]) => {
    await using program = new AgentProcess(folder.path, args);
    return await program.ended();
  };
  {
    await using greeter = new AgentProcess(folder.path, ["--port", "0"]);
    using client = await connect(await greeter.serving());
    await client.call("greet", { name: "Ada" }, { timeoutMs: 60_000 });
    greeter.kill("SIGKILL");
    await greeter.ended();
  }
  assertEquals(
    await run("repair"),
    { code: EXIT.done, stdout: 'Nothing to repair in "memory/greeter"\n', stderr: "" },
  );
  const memory = `${folder.path}/memory/greeter`;
  const names = [...(await contents(memory)).keys()].filter((name) => name.endsWith(".ndjson"));
  const path = `memory/greeter/${names.at(-1)}`;
  const bytes = await Deno.readFile(`${folder.path}/${path}`);
  const lines = starts(bytes);
  bytes[lines[1] + 30] ^= 1;
  await Deno.writeFile(`${folder.path}/${path}`, bytes);

  const refused = await run("--port", "0");
  assertEquals([refused.code, refused.stdout], [65, ""]);
  assertStringIncludes(refused.stderr, `"${path}" at byte ${lines[1]}: `);
  assertStringIncludes(refused.stderr, '; "greeter repair" continues without the damaged part\n');

  const dry = await run("repair");
  assertEquals([dry.code, dry.stderr], [65, ""]);
  assertStringIncludes(dry.stdout, `${path} at byte ${lines[1]}: `);
  assertStringIncludes(dry.stdout, '"greeter repair --accept-loss"');
  const done = await run("repair", "--accept-loss");
  assertEquals([done.code, done.stderr], [0, ""]);
  assertStringIncludes(done.stdout, `cut off there, the rest kept in "${path}.lost"; lost: `);
  await using opened = await openMemory(memory, { role: "greeter" });
  assertEquals(opened.size, 0);
});

Deno.test("`orchestrator repair` reports what would be lost, and repairs with --accept-loss", async () => {
  await using site = await Site.make();
  assertEquals(await site.run(["repair"]), {
    code: EXIT.done,
    out: 'Nothing to repair: there is no "memory/orchestrator"\n',
    err: "",
  });
  const path = "memory/orchestrator/memory.json";
  {
    await using memory = await openMemory(`${site.folder}/memory/orchestrator`, {
      role: "orchestrator",
    });
    await memory.commit(new Map([["b", 1], ["c", 2]]));
  }
  const text = await Deno.readTextFile(`${site.folder}/${path}`);
  await Deno.writeTextFile(`${site.folder}/${path}`, text.replace('"b":', '"b";'));
  const offset = text.indexOf('"b":');

  const refused = await site.run(site.serveArgs());
  assertEquals([refused.code, refused.out], [EXIT.damaged, ""]);
  assertStringIncludes(refused.err, `"${path}" at byte ${offset}: line 2 is damaged`);
  assertStringIncludes(refused.err, '; "orchestrator repair" continues without the damaged part\n');
  const dry = await site.run(["repair"]);
  assertEquals([dry.code, dry.err], [EXIT.damaged, ""]);
  assertStringIncludes(
    dry.out,
    "would be rebuilt from 1 readable entry, without 1 unreadable line",
  );
  const done = await site.run(["repair", "--accept-loss"]);
  assertEquals([done.code, done.err], [EXIT.done, ""]);
  assertStringIncludes(done.out, `the damaged file kept in "${path}.lost"\n`);
  assertEquals((await site.run(["repair"])).code, EXIT.done);
});
