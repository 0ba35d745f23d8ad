/**
 * `deno task simulate --seeds N --from S`: the orchestrator and its agents in one process, on simulated
 * machines whose clock, dice, network and disk follow from the seed. And a memory alone under more load.
 *
 * @module
 */
import { integer, parseSettings, settingsHelp } from "../lib/process/settings.ts";
import { runProgram, stderr, stdout } from "../lib/process/program.ts";
import { simulateMemory } from "./simulation/memory_simulation.ts";
import { simulate } from "./simulation/simulation.ts";

const SEED_MAX = 2 ** 32 - 1;

const SETTINGS = {
  seeds: { value: "N", fallback: 1_000, help: "How many", read: integer(1, 1e9) },
  from: {
    value: "S",
    fallback: Math.floor(Math.random() * SEED_MAX),
    help: "The first one",
    read: integer(0, SEED_MAX),
  },
  processes: {
    value: "N",
    fallback: navigator.hardwareConcurrency,
    help: "How many share the seeds",
    read: integer(1, 1_000),
  },
};

/** The sum of the outcomes of `seeds` seeds. */
interface Sum {
  seeds: number;
  /** Seeds with findings. */
  found: number;
  faults: number;
  tasks: number;
  acknowledged: number;
  events: number;
}

await runProgram("simulate", async () => {
  const { values: { seeds, from, processes }, help } = parseSettings(SETTINGS, Deno.args);
  if (help) {
    stdout.write(settingsHelp(SETTINGS) + "\n");
    return 0;
  }
  if (processes === 1) {
    const sum = await run(from, seeds);
    stdout.write(JSON.stringify(sum) + "\n");
    return sum.found === 0 ? 0 : 1;
  }
  const share = Math.ceil(seeds / processes);
  const starts = Array.from({ length: Math.ceil(seeds / share) }, (_, at) => at * share);
  const sums = await Promise.all(
    starts.map((start) => runInProcess(from + start, Math.min(share, seeds - start))),
  );
  const all = sums.reduce((all, sum) => add(all, sum), empty());
  stdout.write(
    `figures: ${all.seeds} seeds from ${from}: ${all.faults} faults, ${all.tasks} tasks, ` +
      `${all.acknowledged} records, ${all.events} events; ${all.found} seeds in trouble\n`,
  );
  return all.found === 0 ? 0 : 1;
});

/** Runs seeds in this process; prints each finding with the command that repeats it. */
async function run(from: number, seeds: number): Promise<Sum> {
  const sum = empty();
  for (let seed = from; seed < from + seeds; seed++) {
    const whole = await simulate({ seed });
    const memory = await simulateMemory(seed);
    const findings = [...whole.findings, ...memory.findings];
    if (findings.length > 0) {
      stderr.write(
        `seed ${seed}: ${findings.join("\n  ")}\n` +
          `  again with: deno task simulate --from ${seed} --seeds 1\n`,
      );
    }
    const faults = [...whole.faults.values()].reduce((all, count) => all + count, 0);
    const { acknowledged } = memory;
    const { tasks, events } = whole;
    const found = findings.length > 0 ? 1 : 0;
    add(sum, { seeds: 1, found, faults, tasks, acknowledged, events });
  }
  return sum;
}

/** Runs seeds in a new process. */
async function runInProcess(from: number, seeds: number): Promise<Sum> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-check", new URL(import.meta.url).pathname],
      ...["--from", String(from), "--seeds", String(seeds), "--processes", "1"],
    ],
    stdout: "piped",
    stderr: "inherit",
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

function empty(): Sum {
  return { seeds: 0, found: 0, faults: 0, tasks: 0, acknowledged: 0, events: 0 };
}

/** Adds `more` to `sum` and returns `sum`. */
function add(sum: Sum, more: Sum): Sum {
  for (const name of Object.keys(sum) as (keyof Sum)[]) sum[name] += more[name];
  return sum;
}
