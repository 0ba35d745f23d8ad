import { run } from "../run.ts";
import { analyzer } from "./analyzer.ts";

if (import.meta.main) await run("analyzer", () => analyzer);
