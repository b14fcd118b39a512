// Bytes as the page stores them: base64 text, planes of bytes, scores as small integers.

/** Bytes of a base64 text. */
export function fromBase64(text) {
  const binary = atob(text.trim());
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** Put back the bytes of `size`-byte numbers that were stored plane by plane. */
export function unshuffle(bytes, size) {
  const count = bytes.length / size;
  const whole = new Uint8Array(bytes.length);
  for (let plane = 0; plane < size; plane++) {
    for (let i = 0; i < count; i++) whole[i * size + plane] = bytes[plane * count + i];
  }
  return whole;
}

/**
 * Scores of one example.
 * @param {Uint8Array} bytes - planes of bytes, as packed
 * @param {string} precision - "display" (16 bit), "compact" (8 bit) or "exact" (float32)
 * @param {number} bound - score that the largest integer stands for
 */
export function readScores(bytes, precision, bound) {
  if (precision === "exact") return new Float32Array(unshuffle(bytes, 4).buffer);
  const whole = precision === "compact" ? new Int8Array(bytes.slice().buffer) : new Int16Array(unshuffle(bytes, 2).buffer);
  const unit = bound / (precision === "compact" ? 127 : 32767);
  return Float32Array.from(whole, (value) => value * unit);
}
