// Scores merged over units. Where words, sentences and other units begin, Python says: each token has a letter with flags.

const FLAGS = { word: 1, sentence: 2, turn: 4, special: 8, character: 16, template: 32, share: 64 };

/** Has the token at `i` of a side the flag? */
export const flagged = (flags, i, name) => Boolean((flags.charCodeAt(i) - 48) & FLAGS[name]);

export const LEVELS = ["token", "word", "sentence", "turn", "character", "span"];
export const MERGES = ["sum", "mean", "absmax", "max", "l2"];
export const NORMALIZATIONS = ["none", "step", "sequence"];

/**
 * Neighbouring tokens as one text: what was marked because a token began or ended there, though it belongs to the
 * letter before, is as in the whole text.
 */
export function joined(texts) {
  const whole = texts.reduce((all, text) => all + (all || text.startsWith(" ") ? text.replace(/^( ?)◌(?=\p{M})/u, "$1") : text), "");
  return whole.replace(/(?<=[\p{So}\p{Sk}\p{Lo}\p{Mn}\p{Mc}])(?<![⏎⇥⍽\u2400-\u2426])‹U\+200([CD])›(?=.)/gsu, (_, end) => (end === "C" ? "\u200c" : "\u200d"));
}

/** Where units begin among tokens with these flags (a letter each), plus a forced cut. A token in no span is a unit of its own. */
export function unitStarts(flags, level, cut = -1, spans = []) {
  const inside = new Uint8Array(flags.length);
  if (level === "span") for (const { from, to } of spans) inside.fill(1, from + 1, to);
  const starts = [];
  for (let i = 0; i < flags.length; i++) {
    const begins = level === "token" || (level === "span" ? !inside[i] : flagged(flags, i, level));
    if (i === 0 || i === cut || begins) starts.push(i);
  }
  return starts;
}

/** What `make(start, end, number)` gives for each unit among `count` tokens. */
const eachUnit = (starts, count, make) => starts.map((start, unit) => make(start, starts[unit + 1] ?? count, unit));

/** A matrix [rows x columns] of units, each block of cells as one, as Python does; hidden cells do not count, and rows that are shares of one score are added up first. */
export function merged({ rows, columns, scores, visible, shares = [] }, rowStarts, columnStarts, how) {
  const out = { rows: rowStarts.length, columns: columnStarts.length, scores: new Float64Array(rowStarts.length * columnStarts.length) };
  out.visible = new Uint8Array(out.scores.length);
  eachUnit(rowStarts, rows, (top, bottom, row) =>
    eachUnit(columnStarts, columns, (left, right, column) => {
      const values = [];
      for (let c = left; c < right; c++) {
        for (let r = top; r < bottom; r++) {
          const at = r * columns + c;
          if (!visible[at]) continue;
          if (r > top && shares[r]) values[values.length - 1] += scores[at];
          else values.push(scores[at]);
        }
      }
      if (!values.length) return;
      out.visible[row * out.columns + column] = 1;
      out.scores[row * out.columns + column] = FOLDS[how](values);
    }),
  );
  return out;
}

const sum = (values) => values.reduce((a, b) => a + b, 0);
const norm = (values) => values.reduce((all, value) => Math.hypot(all, value), 0); // squares of the very large and small do not exist
const FOLDS = {
  __proto__: null,
  sum,
  mean: (values) => sum(values) / values.length,
  max: (values) => values.reduce((a, b) => Math.max(a, b)),
  min: (values) => values.reduce((a, b) => Math.min(a, b)),
  absmax: (values) => values.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a)), // the first of several
  l2: norm,
  vnorm: norm,
  prod: (values) => values.reduce((a, b) => a * b, 1),
};

/** The step score of some tokens: that of a single one, else merged; NaN without any, and by a way that only Python knows. */
const mergedStep = (values, how) => (values.length > 1 ? FOLDS[how]?.(values) : values[0]) ?? NaN;

/** Step scores of spans of columns [from, to], each score merged in its own way. */
export const mergedSteps = (stepScores, ways, spans) =>
  Object.fromEntries(Object.entries(stepScores).map(([name, values]) => [name, spans.map(([from, to]) => mergedStep([...values.slice(from, to)], ways[name]))]));

/**
 * What the views draw: an example at one granularity and normalisation.
 * Rows are inputs, columns explained units; `seen` lists the rows that any step could see.
 */
export function buildView(example, { level = "token", merge = "sum", normalize = "none", stepMerge = example.stepMerge ?? {}, spans = [], hide = false, range, pale } = {}) {
  const target = example.sides.find((side) => side.name === "target");
  const spansOf = (side) => (level === "span" ? spans.filter((span) => span.side === side.name) : []);
  const position = (side, i) => (side.positions ? side.positions[i] : i);
  const lastOf = (side, i) => position(side, i) + (side.sizes ? side.sizes[i] : 1) - 1;
  const columns = example.last - example.first;
  const shown = { level, hide, turns: (example.segments ?? []).filter(([, , , kind]) => kind === "turn") };

  const rows = [];
  const starts = [];
  const all = [];
  const sides = [];
  for (const side of example.sides) {
    const cut = side.name === "target" ? example.first : -1;
    const own = unitStarts(side.f, level, cut, spansOf(side));
    const units = eachUnit(own, side.f.length, (start, end) => unitOf(side, start, end, cut, spansOf(side), shown));
    if (side.scored) {
      starts.push(...own.map((start) => start + rows.length));
      for (let i = 0; i < side.f.length; i++) rows.push({ side, i });
    }
    const before = all.length;
    sides.push({ name: side.name, title: side.title, units: units.map((unit, k) => ({ ...unit, row: side.scored ? before + k : -1 })) });
    if (side.scored) all.push(...units);
  }
  const base = { rows: rows.length, columns, scores: new Float64Array(example.scores), visible: new Uint8Array(rows.length * columns), shares: rows.map(({ side, i }) => flagged(side.f, i, "share")) };
  const ends = Float64Array.from({ length: columns }, (_, c) => lastOf(target, example.first + c));
  rows.forEach(({ side, i }, r) => {
    const own = side.name === "source" ? -Infinity : position(side, i);
    for (let c = 0, at = r * columns; c < columns; c++, at++) {
      // half of a comparison brings its own, and shows where one of both has nothing
      const seen = own < ends[c];
      if (example.visible ? example.visible[at] || (seen && (side.only[i] || target.only[example.first + c])) : seen) base.visible[at] = 1;
      else base.scores[at] = 0;
    }
  });
  const stepFlags = target.f.slice(example.first, example.last);
  const shifted = spansOf(target).map((span) => ({ from: Math.max(0, span.from - example.first), to: span.to - example.first }));
  const stepStarts = unitStarts(stepFlags, level, -1, shifted.filter((span) => span.to > 0));
  const { scores, visible } = level === "token" ? base : merged(base, starts, stepStarts, merge);
  const cols = eachUnit(stepStarts, columns, (start, end) => unitOf(target, example.first + start, example.first + end, -1, spansOf(target), shown));
  cols.forEach((col, c) => {
    const contrast = level === "token" && example.contrasts?.[c];
    if (contrast) col.label = col.both = contrast + col.label;
  });
  const stepScores = mergedSteps(example.stepScores, stepMerge, eachUnit(stepStarts, columns, (start, end) => [start, end]));
  const view = { inputs: all, sides, cols, rows: all.length, columns: cols.length, scores, visible, stepScores, pale };
  const unitAt = (units, i) => units.filter((start) => start <= i).length - 1;
  view.lost = new Set((example.lost ?? []).map((at) => unitAt(starts, Math.floor(at / columns)) * view.columns + unitAt(stepStarts, at % columns)));
  if (normalize !== "none") normalizeScores(view, normalize);
  view.hidden = hide && all.some((unit) => unit.template) && all.some((unit) => !unit.template) ? Uint8Array.from(all, (unit) => (unit.template ? 1 : 0)) : null;
  view.bound = largest(counted(view), range);
  view.seen = [...all.keys()].filter((r) => view.visible.subarray(r * view.columns, (r + 1) * view.columns).some(Boolean));
  if (all.some((unit) => unit.only) || cols.some((col) => col.only)) {
    // cells of a comparison that have no counterpart
    view.alone = new Uint8Array(view.rows * view.columns);
    all.forEach((unit, r) => cols.forEach((col, c) => (view.alone[r * view.columns + c] = unit.only || col.only ? 1 : 0)));
  }
  const columnAt = new Map(cols.map((col, c) => [col.start, c]));
  for (const side of sides) {
    for (const unit of side.units) unit.col = unit.output ? columnAt.get(unit.start) ?? -1 : -1;
  }
  return view;
}

/** White space at the edges of a text, and the marks that stand for it. */
const BLANK_EDGES = /^[\s␣⇥⍽␍⏎]+|[\s␣⇥⍽␍⏎]+$/g;

/** Which token of a letter or mark that takes several this is: {glyph, at, of}, or nothing; white space has no parts. */
function partOf(side, at) {
  const continues = (i) => side.t[i] === "" && !flagged(side.f, i, "character");
  let from = at;
  while (from && continues(from)) from--;
  let to = from + 1;
  while (continues(to)) to++;
  const glyph = to - from > 1 && side.t[from].replace(BLANK_EDGES, "");
  return glyph && { glyph, at: at - from, of: to - from };
}

function unitOf(side, start, end, cut, spans, { level, hide, turns }) {
  const part = end - start === 1 && /token|span/.test(level) ? partOf(side, start) : null;
  const turn = level === "turn" && turns.find(([name, from]) => name === side.name && from === start);
  const tokens = Array.from({ length: end - start }, (_, k) => start + k);
  const said = tokens.filter((i) => !flagged(side.f, i, "special") && !flagged(side.f, i, "template"));
  const text = joined((hide && said.length ? said : tokens).map((i) => side.t[i]));
  const drawn = spans.find((span) => start >= span.from && start < span.to);
  const plain = text.replace(/^ /, "");
  return {
    side: side.name,
    start,
    end,
    text: plain,
    label: drawn?.name || (turn && `${turn[4]}: ${plain}`) || (part && `${part.glyph.replace(/.*[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc].*/, "\u200e$&\u200e")} ${part.at + 1}/${part.of}`) || plain || "∅", // its name in heads, lists and exports
    part, // of a character that takes several tokens: {glyph, at, of}
    drawn,
    spaced: text.startsWith(" "),
    breaks: text.endsWith("⏎"),
    special: tokens.every((i) => flagged(side.f, i, "special")),
    template: !said.length,
    output: side.name === "target" && cut >= 0 && start >= cut,
    only: side.only ? onlyIn(side.only.slice(start, end)) : "",
  };
}

/** In which texts alone a unit of a comparison is whole: "A", "B", "A or B" where each lacks a part, or "" in both. */
const onlyIn = (whose) => [...new Set(whose)].filter(Boolean).sort().join(" or ");

export function normalizeScores(view, how) {
  const { rows, columns, scores } = view;
  if (how === "sequence") {
    const most = largest(scores);
    for (let i = 0; i < scores.length; i++) scores[i] /= most;
    return;
  }
  for (let c = 0; c < columns; c++) {
    let total = 0;
    for (let r = 0; r < rows; r++) total += Math.abs(scores[r * columns + c]);
    if (total > 0) for (let r = 0; r < rows; r++) scores[r * columns + c] /= total;
  }
}

/** Of values of all inputs, each with `each` of them, those that are not hidden. */
export const shownOnly = ({ hidden }, values, each = 1) => (hidden ? values.map((value, at) => (hidden[Math.floor(at / each)] ? 0 : value)) : values);

/** Rows that any step could see and that are not hidden. */
export const shownRows = ({ seen, hidden }) => seen.filter((r) => !hidden?.[r]);

/** Scores that decide how strong colours are: those of inputs that are not hidden. */
export const counted = (view) => shownOnly(view, view.scores, view.columns);

/** What the numbers of a scene are written for: its largest score, or that of the strongest colour if it is less, as in Python. */
export const mostOf = (scene) => Math.min((scene.view.most ??= largest(counted(scene.view))), scene.bound(null));

/** What the colours of some columns are multiplied by: pale where all were held against the model and none was told from chance. */
export function fading(view, from, to = from) {
  const chance = from !== null && view.stepScores.check_chance;
  return chance && !chance.slice(from, to + 1).some((value) => value < view.pale[0]) ? view.pale[1] : 1;
}

/** What is said where columns are pale. */
export const paleWords = (view) => view.cols.some((_, c) => fading(view, c) < 1) && view.pale[2];

/** Scores of inputs that are not hidden, of columns together. */
export const shownColumns = (view, from, to) => shownOnly(view, columnScores(view, from, to).scores);

/** The largest magnitude, 1 if all are nothing; ends of a range that are given take the place of the lowest and the highest score. */
export function largest(scores, [low, high] = []) {
  let [least, most] = [0, 0];
  for (let i = 0; i < scores.length; i++) [least, most] = [Math.min(least, scores[i]), Math.max(most, scores[i])];
  return Math.max(Math.abs(low ?? least), Math.abs(high ?? most)) || 1;
}

/** Scores of every input for a span of columns (summed), and which of them could be seen. */
export const columnScores = (view, from, to) => summed(view, from, to, view.rows, view.columns, 1);

/** Scores of every output for a range of rows (summed), and which of them could see any of it. */
export const rowScores = (view, from, to) => summed(view, from, to, view.columns, 1, view.columns);

const SUMS = new WeakMap(); // scores of a view -> the sums that were last asked for: colours, card and legend want the same

/** Sums over lines `from` to `to` of the matrix, which lie `across` apart, for `count` lines the other way, which lie `apart`. */
function summed(view, from, to, count, apart, across) {
  const key = `${from} ${to} ${count} ${apart}`; // of one column both ways lie one apart
  const last = SUMS.get(view.scores);
  if (last?.key === key) return last;
  const scores = new Float64Array(count);
  const visible = new Uint8Array(count);
  for (let at = 0; at < count; at++) {
    for (let i = at * apart + from * across; i <= at * apart + to * across; i += across) {
      scores[at] += view.scores[i];
      visible[at] |= view.visible[i];
    }
  }
  SUMS.set(view.scores, { key, scores, visible });
  return { scores, visible };
}

/** Units side by side as running text; one that was compared with another token is named by both. */
export function joinedText(units) {
  return (!units[1] && units[0]?.both) || joined(units.map((unit, i) => (i && unit.spaced ? " " : "") + (unit.text || (unit.part ? "" : "∅")))) || units[0]?.label || "";
}

/** The strongest inputs of a span of columns, as {at, score}. */
export function strongest(view, from, to, count) {
  const { scores, visible } = columnScores(view, from, to);
  return ranked({ scores, visible: shownOnly(view, visible) }, count);
}

/** The largest magnitudes of what `columnScores` or `rowScores` gave, as {at, score}. */
export function ranked({ scores, visible }, count = 5) {
  return [...scores.keys()]
    .filter((at) => visible[at] && scores[at] !== 0)
    .sort((a, b) => Math.abs(scores[b]) - Math.abs(scores[a]) || a - b)
    .slice(0, count)
    .map((at) => ({ at, score: scores[at] }));
}

/** 99th percentile of the magnitudes: a bound that one outlier does not decide. */
export function robustBound(view) {
  const sizes = [...counted(view)].map(Math.abs).filter((v) => v > 0).sort((a, b) => a - b);
  return sizes.length ? sizes[Math.min(sizes.length - 1, Math.floor(sizes.length * 0.99))] : 1;
}
