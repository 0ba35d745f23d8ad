import { run } from "../../agents/run.ts";
import { greeter } from "./greeter.ts";

await run("greeter", () => greeter);
