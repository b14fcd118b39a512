// Decompression: the browser's own where it has one, else this small inflate.
// Source: RFC 1950 (zlib) and RFC 1951 (deflate).

const LENGTH_BASE = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BASE = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577];
const CODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** Bytes of a zlib stream, by the browser if it can. */
export async function inflate(bytes) {
  if (typeof DecompressionStream === "undefined") return inflateHere(bytes);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Bytes of a zlib stream, without the browser's help. */
export function inflateHere(bytes) {
  let at = 2; // after the zlib header
  let held = 0;
  let count = 0;
  let out = new Uint8Array(Math.max(1024, bytes.length * 4));
  let written = 0;

  const bits = (wanted) => {
    while (count < wanted) {
      held |= bytes[at++] << count;
      count += 8;
    }
    const value = held & ((1 << wanted) - 1);
    held >>>= wanted;
    count -= wanted;
    return value;
  };
  const put = (byte) => {
    if (written === out.length) {
      const larger = new Uint8Array(out.length * 2);
      larger.set(out);
      out = larger;
    }
    out[written++] = byte;
  };
  const symbol = (table) => {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length < 16; length++) {
      code |= bits(1);
      const here = table.counts[length];
      if (code - first < here) return table.symbols[index + code - first];
      index += here;
      first = (first + here) << 1;
      code <<= 1;
    }
    throw new Error("The page's data is damaged.");
  };

  for (let last = 0; !last; ) {
    last = bits(1);
    const kind = bits(2);
    if (kind === 0) {
      held = 0;
      count = 0;
      const length = bytes[at] | (bytes[at + 1] << 8);
      at += 4;
      for (let i = 0; i < length; i++) put(bytes[at++]);
      continue;
    }
    const [literals, distances] = kind === 1 ? fixedTables() : readTables(bits, symbol);
    for (let code = symbol(literals); code !== 256; code = symbol(literals)) {
      if (code < 256) {
        put(code);
        continue;
      }
      const length = LENGTH_BASE[code - 257] + bits(LENGTH_EXTRA[code - 257]);
      const far = symbol(distances);
      const distance = DISTANCE_BASE[far] + bits(far < 4 ? 0 : (far >> 1) - 1);
      for (let i = 0; i < length; i++) put(out[written - distance]);
    }
  }
  return out.subarray(0, written);
}

/** A canonical Huffman code from the length of each symbol. */
function huffman(lengths) {
  const counts = new Array(16).fill(0);
  for (const length of lengths) counts[length]++;
  counts[0] = 0;
  const starts = [0, 0];
  for (let length = 1; length < 15; length++) starts.push(starts[length] + counts[length]);
  const symbols = [];
  lengths.forEach((length, code) => {
    if (length) symbols[starts[length]++] = code;
  });
  return { counts, symbols };
}

function fixedTables() {
  const lengths = Array.from({ length: 288 }, (_, code) => (code < 144 ? 8 : code < 256 ? 9 : code < 280 ? 7 : 8));
  return [huffman(lengths), huffman(new Array(30).fill(5))];
}

function readTables(bits, symbol) {
  const literals = bits(5) + 257;
  const distances = bits(5) + 1;
  const codes = bits(4) + 4;
  const order = new Array(19).fill(0);
  for (let i = 0; i < codes; i++) order[CODE_ORDER[i]] = bits(3);
  const table = huffman(order);
  const lengths = [];
  while (lengths.length < literals + distances) {
    const code = symbol(table);
    if (code < 16) lengths.push(code);
    else {
      const value = code === 16 ? lengths[lengths.length - 1] : 0;
      const times = code === 16 ? 3 + bits(2) : code === 17 ? 3 + bits(3) : 11 + bits(7);
      for (let i = 0; i < times; i++) lengths.push(value);
    }
  }
  return [huffman(lengths.slice(0, literals)), huffman(lengths.slice(literals))];
}
