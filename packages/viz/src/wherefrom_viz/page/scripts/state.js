// What the reader chose, and its short form in the address ("#ex=12&tok=7&g=word").

import { formatSpans, parseSpans } from "./spans.js";

export const TABS = ["read", "matrix", "steps", "compare", "citations"];

export const MATRICES = { text: "texts", a: "matrix A", b: "matrix B", difference: "matrix A − B" };

export const THEMES = ["auto", "light", "dark"];

// words for values that are none themselves
export const SCALES = { shown: "what is shown", example: "this example", robust: "99th percentile", shared: "all examples", step: "each output" };
export const LEVEL_WORDS = { span: "own spans" };
export const MERGE_WORDS = { sum: "sum", mean: "mean", absmax: "largest magnitude", max: "maximum", l2: "L2 norm" };
export const NORMALIZE_WORDS = { none: "none", step: "per output", sequence: "per example" };

export const UNPINNED = { tok: null, row: null };

/** The least and the most that a number may be. */
export const LIMITS = { s: [0.5, 4], z: [0.5, 3] };

export const within = (value, least, most) => Math.min(most, Math.max(least, value));

/** Is a place in a range [from, to]? Not where there is none. */
export const inside = (range, at) => Boolean(range) && at >= range[0] && at <= range[1];

export const DEFAULTS = {
  ex: 0, // example
  tab: "read",
  tok: null, // pinned columns [from, to]
  row: null, // pinned inputs [from, to]
  g: "token", // granularity
  m: "sum", // merge
  n: "none", // normalisation
  sc: "shown", // scale: shown, example, robust, shared, step
  c: "red-blue", // palette
  s: 1, // intensity
  t: "auto", // theme
  num: null, // numbers in cells: true, false, or null (where they fit)
  x: false, // transposed matrix
  z: 1, // zoom of the matrix
  b: null, // compared example
  cm: "text", // what the comparison shows
  u: false, // underline instead of background
  mono: false, // text in a monospaced font
  h: true, // hide special tokens and what a chat template writes
  sp: {}, // spans that were drawn or removed: {example: [span, …]}
};

const PLACES = new Set(["ex", "b"]);
const RANGES = new Set(["tok", "row"]);
const FLAGS = new Set(["num", "x", "u", "mono", "h"]);

/** A place, from its number as people count; -1 of what is none. */
const placeOf = (text) => (/^\d+$/.test(text) ? text - 1 : -1);

/** State from an address; unknown or senseless parts are left at `defaults`. */
export function parseHash(hash, defaults = DEFAULTS, allowed = {}) {
  const state = { ...defaults };
  for (const [key, text] of new URLSearchParams(hash.replace(/^#/, ""))) {
    if (!Object.hasOwn(DEFAULTS, key)) continue;
    if (RANGES.has(key)) {
      const [from, to = from, ...more] = text.split("-").map(placeOf);
      if (from >= 0 && to >= 0 && !more.length) state[key] = [from, Math.max(from, to)];
    } else if (key === "sp") state.sp = parseSpans(text);
    else if (PLACES.has(key)) {
      const place = placeOf(text);
      if (place >= 0 && place < (allowed.examples ?? Infinity)) state[key] = place;
    } else if (key in LIMITS) {
      const number = Number(text);
      if (text.trim() !== "" && Number.isFinite(number) && number >= 0) state[key] = within(number, ...LIMITS[key]);
    } else if (FLAGS.has(key)) state[key] = text === "1";
    else if (!allowed[key] || allowed[key].includes(text)) state[key] = text;
  }
  return state;
}

/** The address of a state: only what differs from `defaults`. Counts from 1, as people do. */
export function formatHash(state, defaults = DEFAULTS) {
  const parts = [];
  for (const key of Object.keys(DEFAULTS)) {
    const value = state[key];
    if (value === null || JSON.stringify(value) === JSON.stringify(defaults[key])) continue;
    if (RANGES.has(key)) parts.push(`${key}=${value[0] + 1}${value[1] > value[0] ? `-${value[1] + 1}` : ""}`);
    else if (key === "sp") parts.push(`sp=${encodeURIComponent(formatSpans(value))}`);
    else if (PLACES.has(key)) parts.push(`${key}=${value + 1}`);
    else if (FLAGS.has(key)) parts.push(`${key}=${value ? 1 : 0}`);
    else parts.push(`${key}=${encodeURIComponent(value)}`);
  }
  return parts.join("&");
}
