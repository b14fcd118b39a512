// Bytes as the page stores them: base-85 text, planes of bytes, scores as small integers.

const LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%()*+,-./;=?@^_`{|}~[]";
const VALUES = Object.fromEntries([...LETTERS].map((letter, value) => [letter.charCodeAt(0), value]));

/** Bytes of a text in base 85: "length:letters", five letters for four bytes. Smaller than base64 by a sixteenth. */
export function fromBase85(text) {
  const start = text.indexOf(":") + 1;
  const values = new Uint8Array(128);
  for (const code in VALUES) values[code] = VALUES[code];
  const bytes = new Uint8Array(((text.length - start) / 5) * 4);
  const words = new DataView(bytes.buffer);
  for (let i = start, at = 0; i < text.length; i += 5, at += 4) {
    let word = 0;
    for (let k = 0; k < 5; k++) word = word * 85 + values[text.charCodeAt(i + k)];
    words.setUint32(at, word);
  }
  return bytes.subarray(0, parseInt(text, 10));
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
