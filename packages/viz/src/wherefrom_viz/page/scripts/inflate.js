// Decompression, by the browser: all have it since spring 2023. In an older one the static table stays.

/** Bytes of a zlib stream. */
export async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
