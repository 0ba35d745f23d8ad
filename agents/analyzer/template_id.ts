/**
 * Ids of templates: the front of the text's SHA-256, the same in every run.
 *
 * @module
 */

/** 48 bits: two of a stream's thousands of templates practically never share one. */
const ID_BYTES = 6;

/** Digests texts; the function it gives looks up the id of one of them. */
export async function templateIds(texts: readonly string[]): Promise<(text: string) => string> {
  const encoder = new TextEncoder();
  const ids = new Map(
    await Promise.all([...new Set(texts)].map(async (text): Promise<[string, string]> => {
      const digest = await crypto.subtle.digest("SHA-256", encoder.encode(text));
      return [text, new Uint8Array(digest, 0, ID_BYTES).toHex()];
    })),
  );
  return (text) => {
    const id = ids.get(text);
    if (id === undefined) throw new TypeError(`Template "${text}" was not digested`);
    return id;
  };
}
