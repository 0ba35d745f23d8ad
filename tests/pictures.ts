/**
 * `deno run -A tests/pictures.ts`: makes the two pictures of the README anew, from a real run of the
 * four roles on the sample inbox. Needs Chromium.
 *
 * @module
 */
import { ExitError } from "../lib/exit.ts";
import { runProgram, stdout } from "../lib/process/program.ts";
import { sleep } from "../lib/retry.ts";
import { memoryFolder } from "../lib/roles.ts";
import { renderDashboard } from "../orchestrator/dashboard/render.ts";
import { fetchView } from "../orchestrator/dashboard/view.ts";
import type { Remote } from "../orchestrator/cli/remote.ts";
import { RoleProcesses } from "./harness/role_processes.ts";
import { TempFolder } from "./harness/temp_folder.ts";

const PICTURES = new URL("../.github/pictures/", import.meta.url).pathname;
const FIRST_DAY = "shop-2026-11-01.log";
const SECOND_DAY = "shop-2026-11-02.log";
/** The dashboard is shown while this many copies of a day are worked on. */
const BUSY = 30;
const COLUMNS = 134;

/** Colours of the terminal's codes, for a dark page. */
const SGR: Readonly<Record<string, string>> = {
  "1": "font-weight:bold;color:#fff",
  "2": "color:#8b949e",
  "31": "color:#ff7b72",
  "32": "color:#7ee787",
  "33": "color:#e3b341",
};

await runProgram("pictures", async () => {
  await using folder = await TempFolder.make();
  await using roles = await RoleProcesses.in(folder.path);
  await roles.makeSecret();
  await roles.startAll();
  using remote = await roles.remote();
  await Deno.mkdir(PICTURES, { recursive: true });
  await report(remote, FIRST_DAY);
  const task = await report(remote, SECOND_DAY);
  const page = `${folder.path}/${memoryFolder("reporter")}/reports/${task}/report.html`;
  await photograph(page, "report.png", { width: 1_000, height: 1_040 });

  for (const file of ["orders.csv", "events.jsonl"]) await report(remote, file);
  for (let n = 0; n < BUSY; n++) {
    const input = { sources: [{ file: SECOND_DAY }], stream: `shop ${n % 3}` };
    await remote.ask("submit", { input, label: SECOND_DAY });
  }
  const dashboard = `${folder.path}/dashboard.html`;
  await Deno.writeTextFile(dashboard, await dashboardPage(remote));
  await photograph(dashboard, "dashboard.png", { width: 1_160, height: 520 });
  return 0;
});

/** Runs a file of the inbox through the pipeline; returns its task. */
async function report(remote: Remote, file: string): Promise<string> {
  const input = { sources: [{ file }] };
  const task = await remote.ask("submit", { input, label: file, wait_ms: 60_000 }, 60_000);
  if (task.state === "done") return task.task as string;
  throw new ExitError("failed", `Cannot report on ${file}: it is ${task.state}`);
}

/** The dashboard at a moment at which it has much to show, as a page. */
async function dashboardPage(remote: Remote): Promise<string> {
  let view = await fetchView((type, body) => remote.ask(type, body));
  while (view.waiting > 0 && view.done.length + view.running.length < 9) {
    await sleep(50);
    view = await fetchView((type, body) => remote.ask(type, body));
  }
  const lines = renderDashboard(view, { columns: COLUMNS, colour: true });
  return `<!doctype html><meta charset="utf-8"><style>
    body { margin: 0; background: #0d1117; }
    pre { margin: 16px; color: #e6edf3; font: 14px/1.4 "DejaVu Sans Mono", monospace; }
  </style><pre>${lines.map(toHtml).join("\n")}</pre>`;
}

function toHtml(line: string): string {
  const escaped = line.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return escaped.replace(
    // deno-lint-ignore no-control-regex -- the codes that colour a terminal
    /\x1b\[(\d+)m/g,
    (_, code: string) => code === "0" ? "</span>" : `<span style="${SGR[code]}">`,
  );
}

/** Takes a picture of a page of this machine, in CSS pixels. */
async function photograph(
  page: string,
  name: string,
  { width, height }: { width: number; height: number },
): Promise<void> {
  await using profile = await TempFolder.make();
  const { success, stderr } = await new Deno.Command("chromium", {
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--hide-scrollbars",
      `--user-data-dir=${profile.path}`,
      `--window-size=${width},${height}`,
      `--screenshot=${PICTURES}${name}`,
      `file://${page}`,
    ],
  }).output();
  if (!success) throw new ExitError("failed", new TextDecoder().decode(stderr));
  stdout.write(`Made .github/pictures/${name}\n`);
}
