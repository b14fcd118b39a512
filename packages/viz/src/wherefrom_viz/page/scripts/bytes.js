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

const LARGEST = 32767;
const TOP = 2 - 1 / 2048; // what the largest number stands for

/** Share of its column's largest magnitude that a 16-bit number stands for: a sign, four bits of exponent, eleven of fraction. */
export function share(code) {
  const size = code & LARGEST;
  const exponent = Math.max(size >> 11, 1);
  const found = (((size - (exponent - 1) * 2048) / 2048) * 2 ** (exponent - 15)) / TOP;
  return code > LARGEST ? -found : found;
}

/** Bytes that each score takes. */
export const WIDTHS = { display: 2, compact: 1, exact: 4 };

/**
 * Scores of one example, as quantisation.py packs them.
 * @param {Uint8Array} bytes - planes of bytes
 * @param {string} precision - "display" (16 bit), "compact" (8 bit) or "exact" (float32)
 * @param {Float32Array} scales - the largest magnitude of each column
 */
export function readScores(bytes, precision, scales) {
  if (precision === "exact") return new Float32Array(unshuffle(bytes, 4).buffer);
  const compact = precision === "compact";
  const whole = compact ? new Int8Array(bytes.slice().buffer) : new Uint16Array(unshuffle(bytes, 2).buffer);
  return Float32Array.from(whole, (value, i) => (compact ? value / 127 : share(value)) * scales[i % scales.length]);
}
