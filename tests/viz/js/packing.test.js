import assert from "node:assert/strict";
import test from "node:test";
import zlib from "node:zlib";

import { readScores, unshuffle } from "../../../packages/viz/src/wherefrom_viz/page/scripts/bytes.js";
import { inflate } from "../../../packages/viz/src/wherefrom_viz/page/scripts/inflate.js";

const noise = (length, letters) => Uint8Array.from({ length }, (_, i) => (((i * 2654435761) >>> 7) ^ (i * i)) % letters);

for (const [name, bytes] of [
  ["nothing", new Uint8Array(0)],
  ["text", new TextEncoder().encode("to be or not to be, ".repeat(500))],
  ["noise", noise(70_000, 256)],
  ["few letters", noise(40_000, 5)],
]) {
  for (const level of [0, 1, 6, 9]) {
    test(`inflating gives back ${name} at level ${level}`, async () => {
      const packed = zlib.deflateSync(bytes, { level });
      assert.deepEqual([...(await inflate(packed))], [...bytes]);
    });
  }
}

test("fixed codes are read", async () => {
  const packed = zlib.deflateSync(Buffer.from("abcabcabc"), { strategy: zlib.constants.Z_FIXED });
  assert.equal(Buffer.from(await inflate(packed)).toString(), "abcabcabc");
});

test("planes of bytes are put together again", () => {
  assert.deepEqual([...unshuffle(Uint8Array.of(1, 2, 3, 10, 20, 30), 2)], [1, 10, 2, 20, 3, 30]);
});

test("each precision gives its scores", () => {
  const close = (found, expected) => found.forEach((v, i) => assert.ok(Math.abs(v - expected[i]) < 1e-6));
  const planes = (array, size) => {
    const bytes = new Uint8Array(array.buffer);
    return Uint8Array.from(bytes, (_, k) => bytes[(k % (bytes.length / size)) * size + Math.floor(k / (bytes.length / size))]);
  };
  const large = [0x7fff00, 0xffff00, 0, 1, 0x7fff00 - 720 * 256, 0xffff00 - 720 * 256];
  const display = Uint8Array.from([0, 1, 2].flatMap((plane) => large.map((code) => code >> (8 * plane))));
  close(readScores(display, "display", Float32Array.of(0.5, 4)), [0.5, -4, 0, 0, 0.25, -2]);
  close(readScores(new Uint8Array(Int8Array.of(127, -127).buffer), "compact", Float32Array.of(2, 3)), [2, -3]);
  close(readScores(planes(Float32Array.of(0.1, -3), 4), "exact", Float32Array.of(1, 1)), [Math.fround(0.1), -3]);
});
