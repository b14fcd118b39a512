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

const SIGN = 1 << 23;
const LARGEST = SIGN - 256; // what the largest magnitude became
const OCTAVE = 720 * 256; // steps to twice as much
const POWERS = Float64Array.from({ length: SIGN >> 8 }, (_, step) => 2 ** ((step * 256 - LARGEST) / OCTAVE));
const FINE = Float64Array.from({ length: 256 }, (_, step) => 2 ** (step / OCTAVE));

/** Share of its column's largest magnitude that a 24-bit number stands for: a sign and a logarithm. */
export function share(code) {
  const size = code & (SIGN - 1);
  const found = size && POWERS[size >> 8] * FINE[size & 255];
  return code < SIGN ? found : -found;
}

/** Bytes that each score takes. */
export const WIDTHS = { display: 3, compact: 1, exact: 4 };

/**
 * Scores of one example, as quantisation.py packs them.
 * @param {Uint8Array} bytes - planes of bytes
 * @param {string} precision - "display" (24 bit), "compact" (8 bit) or "exact" (float32)
 * @param {Float64Array} scales - the largest magnitude of each column; of exact ones 1, but beyond the range of float32
 */
export function readScores(bytes, precision, scales) {
  const count = bytes.length / WIDTHS[precision];
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset);
  const exact = precision === "exact" && new Float32Array(unshuffle(bytes, 4).buffer);
  const found = exact ? (i) => exact[i] : precision === "compact" ? (i) => signed[i] / 127 : (i) => share(bytes[i] + (bytes[count + i] << 8) + (bytes[2 * count + i] << 16));
  const scores = new Float64Array(count);
  for (let i = 0; i < count; i++) scores[i] = found(i) * scales[i % scales.length];
  return scores;
}
