import { assertEquals } from "@std/assert";
import { openJournal } from "./journals.ts";
import { repaired, starts } from "./repairs.ts";
import { TempFolder } from "../../harness/temp_folder.ts";

Deno.test("lossIn() counts whole records, even after a record whose checksum is damaged", async () => {
  await using folder = await TempFolder.make();
  const { journal } = await openJournal(folder.path);
  for (let at = 0; at < 6; at++) await journal.append([["k", at]]);
  await journal.close();
  const [path] = await folder.segments();
  const whole = await Deno.readFile(path);
  const lines = starts(whole);
  const lost = async (change: (bytes: Uint8Array) => Uint8Array): Promise<string> => {
    await Deno.writeFile(path, change(whole.slice()));
    const { lines } = await repaired(folder.path, false);
    return lines[0].replace(/^.*; lost: /, "");
  };
  const flip = (...places: number[]) => (bytes: Uint8Array): Uint8Array => {
    for (const at of places) bytes[at] ^= 1;
    return bytes;
  };
  assertEquals(await lost(flip(lines[3] + 9)), "4 records, 3 of them whole (5 to 7)");
  assertEquals(await lost(flip(lines[3] + 30)), "4 records, 3 of them whole (5 to 7)");
  assertEquals(
    await lost(flip(lines[3] + 30, lines[5] + 30)),
    "4 records, 2 of them whole (5 to 7)",
  );
  assertEquals(
    await lost((bytes) => new Uint8Array([...flip(lines[3] + 30)(bytes), 0x7b])),
    "5 records, 3 of them whole (5 to 7)",
  );
  // After a missing record nobody can know whether the next one is as it was.
  assertEquals(
    await lost((bytes) => new Uint8Array([...bytes.slice(0, lines[3]), ...bytes.slice(lines[4])])),
    "3 records, 2 of them whole (6 to 7)",
  );
});
