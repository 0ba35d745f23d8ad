/** Packs a text with gzip. */
export async function gzip(text: BlobPart): Promise<Uint8Array> {
  const packed = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

/** Encodes a text as UTF-16, without a byte order mark of its own. */
export function utf16(text: string, littleEndian: boolean): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(2 * text.length));
  for (let at = 0; at < text.length; at++) {
    bytes.setUint16(2 * at, text.charCodeAt(at), littleEndian);
  }
  return new Uint8Array(bytes.buffer);
}
