import { assertEquals, assertRejects } from "@std/assert";
import { replaceFile, syncFolder, TEMPORARY } from "../../../lib/disk/atomic_file.ts";

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function names(folder: string): Promise<string[]> {
  const found = await Array.fromAsync(Deno.readDir(folder));
  return found.map(({ name }) => name).sort();
}

Deno.test("replaceFile() writes a new file and replaces an old one", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.json`;
    await replaceFile(path, "one");
    assertEquals(await Deno.readTextFile(path), "one");
    await replaceFile(path, new Uint8Array([0, 255]));
    assertEquals(await Deno.readFile(path), new Uint8Array([0, 255]));
    assertEquals(await names(folder), ["a.json"]);
  }));

Deno.test("replaceFile() writes all of a large file", () =>
  inFolder(async (folder) => {
    const data = new Uint8Array(9_000_000).fill(7);
    await replaceFile(`${folder}/large`, data);
    assertEquals((await Deno.stat(`${folder}/large`)).size, data.length);
  }));

Deno.test("replaceFile() replaces the temporary file that a crash left", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a${TEMPORARY}`, "half");
    await replaceFile(`${folder}/a`, "whole");
    assertEquals(await Deno.readTextFile(`${folder}/a`), "whole");
    assertEquals(await names(folder), ["a"]);
  }));

Deno.test("replaceFile() follows no symlink, at the path or at the temporary path", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/victim`, "untouched");
    await Deno.symlink(`${folder}/victim`, `${folder}/a`);
    await Deno.symlink(`${folder}/victim`, `${folder}/a${TEMPORARY}`);
    await replaceFile(`${folder}/a`, "new");
    assertEquals(await Deno.readTextFile(`${folder}/victim`), "untouched");
    assertEquals((await Deno.lstat(`${folder}/a`)).isSymlink, false);
  }));

Deno.test("replaceFile() that fails leaves the old content and no half file", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/a/b`, { recursive: true });
    await assertRejects(() => replaceFile(`${folder}/a`, "text"));
    assertEquals(await names(folder), ["a"]);
    assertEquals(await names(`${folder}/a`), ["b"]);
    await assertRejects(() => replaceFile(`${folder}/none/a`, "text"), Deno.errors.NotFound);
  }));

Deno.test("syncFolder() rejects if there is no such folder", () =>
  inFolder(async (folder) => {
    await syncFolder(folder);
    await assertRejects(() => syncFolder(`${folder}/none`), Deno.errors.NotFound);
  }));
