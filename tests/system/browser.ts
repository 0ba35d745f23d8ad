/**
 * A real browser, if there is one, and a server that a page must not load from.
 *
 * @module
 */

/** An address on the server. A safe page never loads it. */
export const TRAP = "http://trap.invalid/image";
const PROGRAMS = ["chromium", "chromium-browser", "google-chrome"];
const PATIENCE_MS = 60_000;

/** Headless Chromium with an empty profile. Disposing it removes the profile. */
export class Browser implements AsyncDisposable {
  /** How often a page has loaded something from the server. */
  trapped = 0;
  readonly #program: string;
  readonly #profile: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  private constructor(program: string, profile: string) {
    this.#program = program;
    this.#profile = profile;
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
      this.trapped++;
      return new Response();
    });
  }

  /** Returns `undefined` if no browser is installed. */
  static async start(): Promise<Browser | undefined> {
    for (const program of PROGRAMS) {
      try {
        const { success } = await new Deno.Command(program, { args: ["--version"] }).output();
        if (success) return new Browser(program, await Deno.makeTempDir({ prefix: "baton-page-" }));
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }

  /** Returns the page as HTML after the browser has run it for a virtual second. */
  async open(path: string): Promise<string> {
    const { stdout, stderr, success } = await new Deno.Command(this.#program, {
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        `--host-resolver-rules=MAP trap.invalid 127.0.0.1:${this.#server.addr.port}`,
        `--user-data-dir=${this.#profile}`,
        "--virtual-time-budget=1000",
        "--dump-dom",
        `file://${path}`,
      ],
      signal: AbortSignal.timeout(PATIENCE_MS),
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    await Deno.remove(this.#profile, { recursive: true });
  }
}
