// From the packed blocks in the page to examples. A block holds about fifty examples and is opened when one is needed.

import { fromBase85, readScores, unshuffle, WIDTHS } from "./bytes.js";
import { inflate } from "./inflate.js";

/** Examples of one opened block. Layout: u32 length of the header, header (JSON), scores, then eight planes of scales and step scores. */
export function parseBlock(bytes) {
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size)));
  const arrays = bytes.subarray(4 + size);
  const counts = header.examples.map((packed) => packed.b - packed.a);
  const total = (numbers) => numbers.reduce((sum, number) => sum + number, 0);
  const places = [0, total(counts)]; // of the next scale, and of the next step score
  const tail = 8 * total(header.examples.map((packed, i) => counts[i] * (1 + (packed.st?.length ?? 0))));
  const floats = new Float64Array(unshuffle(arrays.subarray(arrays.length - tail), 8).buffer);
  const next = (kind, count) => floats.slice(places[kind], (places[kind] += count));
  return header.examples.map((packed, i) => parseExample(packed, counts[i], arrays, header.precision, next));
}

function parseExample(packed, steps, arrays, precision, next) {
  const scored = packed.sides.filter((side) => side.scored);
  const rows = scored.reduce((sum, side) => sum + side.f.length, 0);
  const scores = readScores(arrays.subarray(packed.at, packed.at + rows * steps * WIDTHS[precision]), precision, next(0, steps));
  const stepMerge = packed.st || []; // names, each with how it merges over units
  return {
    title: packed.i || "",
    subtitle: packed.m || "",
    signed: packed.sg !== 0,
    words: packed.w || null,
    pipeline: packed.p || [],
    notes: packed.no || [],
    sides: packed.sides.map((side) => ({ ...side, positions: side.p || null, sizes: side.z || null })),
    contrasts: packed.vs || {}, // column -> what its label begins with
    lost: packed.lo || [], // cells whose scores are no numbers
    first: packed.a,
    last: packed.b,
    segments: (packed.seg || []).filter((segment) => segment[3] !== "span"),
    spans: (packed.seg || []).filter((segment) => segment[3] === "span").map(([side, from, to, , name]) => ({ side, from, to, name })),
    scores,
    stepScores: Object.fromEntries(stepMerge.map(([name]) => [name, next(1, steps)])),
    stepMerge: Object.fromEntries(stepMerge),
  };
}

/** Opens blocks on demand and keeps the last few. */
export class Store {
  constructor(find, blockSize, kept = 6) {
    this.find = find; // (number of block) -> its base-85 text or its bytes, now or later; null while a page loads it
    this.blockSize = blockSize;
    this.kept = kept;
    this.blocks = new Map();
  }

  async example(index) {
    const number = Math.floor(index / this.blockSize);
    return (await this.block(number))[index % this.blockSize];
  }

  block(number) {
    const known = this.blocks.get(number);
    if (known) {
      this.blocks.delete(number);
      this.blocks.set(number, known);
      return known;
    }
    const opened = this.packed(number).then(inflate).then(parseBlock);
    opened.catch(() => this.blocks.delete(number)); // it is asked for again when the example is
    this.blocks.set(number, opened);
    if (this.blocks.size > this.kept) this.blocks.delete(this.blocks.keys().next().value);
    return opened;
  }

  /** The block's bytes; waits for the rest of a page that is still loading. */
  async packed(number) {
    for (let tries = 0; tries < 600; tries++) {
      const found = await this.find(number);
      if (found !== null) return typeof found === "string" ? fromBase85(found) : found;
      await new Promise((done) => setTimeout(done, 50));
    }
    throw new Error(`Block ${number} is missing from the page.`);
  }
}
