const CONFIG = new URL("../../../deno.json", import.meta.url).pathname;

/**
 * Runs a module on a folder, and ends it with SIGKILL `ms` after it printed its first number.
 *
 * @returns the numbers that it printed
 */
export async function runKilled(module: string, folder: string, ms: number): Promise<number[]> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--config", CONFIG, import.meta.resolve(module), folder],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let text = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += part;
    timer ??= setTimeout(() => child.kill("SIGKILL"), ms);
  }
  clearTimeout(timer);
  const { signal, code } = await child.status;
  if (signal !== "SIGKILL") throw new Error(`It ended by itself with ${code}`);
  return text.split("\n").slice(0, -1).map(Number);
}
