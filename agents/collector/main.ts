import { text } from "../../lib/process/settings.ts";
import { run } from "../run.ts";
import { collector } from "./collector.ts";

if (import.meta.main) {
  await run("collector", ({ inbox }) => collector(inbox), {
    inbox: {
      env: "BATON_INBOX",
      value: "FOLDER",
      fallback: "inbox",
      help: "Folder to read, relative to the working directory",
      read: text,
    },
  });
}
