import { assert, assertEquals, assertRejects } from "@std/assert";
import { importSecret, prove } from "../../../lib/wire/auth.ts";
import { advice, ERROR_CODES } from "../../../lib/errors.ts";
import { LIMIT_TABLE } from "../../../lib/wire/limits.ts";
import { RequestId, TaskId, TIMEOUT_MS_MAX } from "../../../lib/wire/protocol.ts";
import { STATES } from "../../../orchestrator/tasks/task.ts";
import { startRolesInProcess } from "../../harness/roles_in_process.ts";
import { fencedBlocks, Names, play, transcriptsOf } from "./transcript.ts";
import { FakeServer } from "../../harness/fake_server.ts";
import { RawPeer } from "../../harness/raw_peer.ts";
import { SECRET } from "../../harness/secrets.ts";
import { skip } from "../../harness/test_output.ts";

const page = await Deno.readTextFile(new URL("../../../lib/wire/PROTOCOL.md", import.meta.url));

/** The cells of the table rows whose first cell is a word in backticks, by that word. */
function rows(heading: string): Map<string, string[]> {
  const section = page.split(new RegExp(`^## ${heading}$`, "m"))[1].split(/^## /m)[0];
  const found = section.matchAll(/^\| `(\w+)` +\|(.*)\|$/gm);
  return new Map([...found].map(([, word, cells]) => [
    word,
    cells.split("|").map((cell) => cell.trim()),
  ]));
}

Deno.test("PROTOCOL.md's transcripts are what happens on the wire", async (t) => {
  await using servers = await startRolesInProcess();
  const names = new Names();
  const transcripts = transcriptsOf(page);
  assert(transcripts.length >= 14, `${transcripts.length} transcripts were found`);
  for (const [at, transcript] of transcripts.entries()) {
    const first = transcript.steps[0].sent[0].slice(0, 60);
    await t.step(`${at + 1}, ${transcript.title}: ${first}`, async () => {
      const [, role, loggedIn] = /^(greeter|orchestrator)(, logged in)?$/.exec(transcript.title)!;
      const address = servers[role as "greeter" | "orchestrator"];
      names.newConnection(role);
      using peer = await (loggedIn ? RawPeer.loggedIn(address) : RawPeer.connect(address));
      await play(transcript, peer, names);
    });
  }
});

Deno.test("play() fails if the wire differs from the page", async () => {
  const [transcript] = transcriptsOf(
    '```transcript x\n→ {"id":"<client nonce>"}\n← {"id":"1",\n   "n":"<n>","m":"<n>"}\n```\n',
  );
  for (
    const [reply, plays] of [
      [{ id: "1", n: 5, m: 5 }, true],
      [{ id: "1", n: 5, m: 6 }, false],
      [{ id: "1", n: 5 }, false],
      [{ id: "1", n: 5, m: 5, o: 5 }, false],
      [{ id: "2", n: 5, m: 5 }, false],
    ] as const
  ) {
    await using server = new FakeServer(async (peer) => {
      await peer.hear();
      await peer.say(reply);
    });
    using peer = await RawPeer.connect(server.address);
    const played = play(transcript, peer, new Names());
    await (plays ? played : assertRejects(() => played));
  }
});

Deno.test("PROTOCOL.md lists every limit with its default and its bounds", () => {
  const listed = [...rows("Limits")].map(([name, cells]) => {
    const [byDefault, min, max] = cells.map(Number);
    return [name, { default: byDefault, min, max }];
  });
  assertEquals(Object.fromEntries(listed), LIMIT_TABLE);
});

Deno.test("PROTOCOL.md lists every error code with its advice", () => {
  const listed = [...rows("Errors")].filter(([, cells]) => cells.length === 4);
  assertEquals(listed.map(([code]) => code), ERROR_CODES);
  for (const code of ERROR_CODES) {
    const { retry, maybeDone = false, closes = false } = advice(code);
    const [shownRetry, shownDone, shownCloses] = rows("Errors").get(code)!;
    assertEquals(
      [shownRetry, shownDone, shownCloses],
      [retry, maybeDone ? "yes" : "no", closes ? "yes" : "no"],
      code,
    );
  }
});

Deno.test("PROTOCOL.md has the patterns and bounds of ids, times and states", () => {
  const patterns = [...page.matchAll(/`(\^[^`]+\$)`/g)].map(([, source]) => new RegExp(source));
  for (const schema of [RequestId, TaskId]) {
    const found = patterns.some((pattern) =>
      [
        "a",
        "a.b",
        ".a",
        "",
        "a".repeat(64),
        "a".repeat(65),
        "a".repeat(128),
        "a".repeat(129),
        "a/b",
      ]
        .every((id) => pattern.test(id) === schema.safeParse(id).success)
    );
    assert(found, "no pattern on the page does as the schema does");
  }
  assert(page.includes(`from 1 to ${TIMEOUT_MS_MAX}`));
  assert(page.includes(STATES.map((state) => `\`${state}\``).join(", ")));
});

Deno.test("PROTOCOL.md's worked example of a login is right", async () => {
  const section = page.split("A worked example:")[1].split("```")[0];
  const cells = [...section.matchAll(/^\| ([\w' ]+?) +\| `([^`]+)` +\|$/gm)];
  const value = Object.fromEntries(cells.map(([, name, text]) => [name, text]));
  assertEquals(value.secret, SECRET);
  const key = await importSecret(value.secret);
  const challenge = {
    role: value.role,
    clientNonce: value["client's nonce"],
    serverNonce: value["server's nonce"],
  };
  assertEquals(await prove(key, "server", challenge), value["server's proof"]);
  assertEquals(await prove(key, "client", challenge), value["client's proof"]);
});

Deno.test("PROTOCOL.md lists no type that is not answered", async () => {
  await using servers = await startRolesInProcess();
  const asked = [
    ["greeter", [...rows("What everyone answers").keys(), ...rows("What agents answer").keys()]],
    ["orchestrator", [
      ...rows("What everyone answers").keys(),
      ...page.split("## What the orchestrator answers")[1].matchAll(/^### (`.*`)$/gm)
        .flatMap(([, words]) => words.matchAll(/`(\w+)`/g)).map(([, type]) => type),
    ]],
  ] as const;
  for (const [role, types] of asked) {
    using peer = await RawPeer.loggedIn(servers[role]);
    for (const type of types) {
      const { ok, error } = await peer.ask(type);
      assert(ok || error.code !== "unknown_type", `${role} does not know ${type}`);
    }
    assert(types.length >= 8, `${types}`);
  }
});

async function hasPython(): Promise<boolean> {
  try {
    return (await new Deno.Command("python3", { args: ["--version"] }).output()).success;
  } catch {
    return false; // the test says that it was skipped
  }
}

Deno.test("PROTOCOL.md's client in Python gets a report", async (t) => {
  if (!(await hasPython())) return await skip(t, "there is no python3");
  await using servers = await startRolesInProcess();
  const [{ text }] = fencedBlocks(page, "python");
  const lines = text.split("\n").filter((line) => line.trim() !== "").length;
  assert(lines <= 50, `it has ${lines} lines`);
  for (const [secret, expected] of [[SECRET, 0], [SECRET + "!", 1]] as const) {
    await using child = new Deno.Command("python3", {
      args: ["-c", text],
      env: {
        AUTH_TOKEN: secret,
        BATON_HOST: "127.0.0.1",
        BATON_PORT: String(servers.orchestrator.port),
      },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const stdin = child.stdin.getWriter();
    await stdin.write(new TextEncoder().encode("one\ntwo ü\n")).catch(() => {}); // it may have ended
    await stdin.close().catch(() => {});
    const { code, stdout, stderr } = await child.output();
    const [said, complained] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assertEquals(code, expected, complained);
    assertEquals(said, expected === 0 ? "# shop\n\n2 lines, nothing new\n\n" : "");
    if (expected === 1) assert(complained.includes("not the one it should be"), complained);
  }
});
