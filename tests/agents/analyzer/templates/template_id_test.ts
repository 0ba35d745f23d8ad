import { assertEquals } from "@std/assert";
import { templateId } from "../../../../agents/analyzer/templates/template_id.ts";

// Ids are in memory and in reports: a new version must compute the same ids.
Deno.test("templateId() is the front of the text's SHA-256", () => {
  assertEquals(templateId("hello <*>"), "f09a7322fccc");
  assertEquals(templateId("hello <*> "), "a47b1dbf3f42");
});
