import { run } from "../run.ts";
import { reporter } from "./reporter.ts";

if (import.meta.main) await run("reporter", ({ memory }) => reporter(memory));
