// Two examples of one text on common units: aligned by characters, not by token count. The same rules as comparison.py.

import { joinedText, largest, normalizeScores } from "./units.js";

/** Smallest groups of units of `a` and `b` that cover the same characters: [[fromA, toA], [fromB, toB]], ends exclusive. */
export function alignedGroups(a, b) {
  // white space does not count, nor do the marks it is shown by; a span carried from A to B is the same in both
  const bare = (units) => units.map((unit) => unit.text.replace(/[\s␣⏎⇥⍽␍]/g, ""));
  let indexA = [...a.keys()];
  let indexB = [...b.keys()];
  let textA = bare(a);
  let textB = bare(b);
  if (textA.join("\n") !== textB.join("\n")) {
    indexA = indexA.filter((i) => !a[i].special);
    indexB = indexB.filter((i) => !b[i].special);
    textA = indexA.map((i) => textA[i]);
    textB = indexB.map((i) => textB[i]);
  }
  const keyed = (units, texts, indices) => indices.map((i, k) => (units[i].drawn?.id === undefined ? texts[k] : `\n${units[i].drawn.id}`));
  const found = textA.join("") === textB.join("") ? sameCharacters(textA, textB) : commonRuns(keyed(a, textA, indexA), keyed(b, textB, indexB));
  return found.map(([x, y]) => [
    [indexA[x[0]], indexA[x[1] - 1] + 1],
    [indexB[y[0]], indexB[y[1] - 1] + 1],
  ]);
}

function sameCharacters(a, b) {
  const groups = [];
  let [i, j, fromA, fromB, readA, readB] = [0, 0, 0, 0, 0, 0];
  while (i < a.length || j < b.length) {
    if (j >= b.length || (i < a.length && readA <= readB)) readA += a[i++].length;
    else readB += b[j++].length;
    if (readA === readB && i > fromA && j > fromB) {
      groups.push([[fromA, i], [fromB, j]]);
      fromA = i;
      fromB = j;
    }
  }
  if (groups.length && (i > fromA || j > fromB)) {
    groups[groups.length - 1][0][1] = i;
    groups[groups.length - 1][1][1] = j;
  }
  return groups;
}

/** Units of equal text: the longest run both have, then the same to its left and right, as Python's difflib does it. */
function commonRuns(a, b) {
  const places = new Map();
  b.forEach((text, j) => places.set(text, [...(places.get(text) ?? []), j]));
  const groups = [];
  const open = [[0, a.length, 0, b.length]];
  while (open.length) {
    const [fromA, toA, fromB, toB] = open.pop();
    let [bestA, bestB, size] = [fromA, fromB, 0];
    let ending = new Map(); // place in b -> length of the run that ends there
    for (let i = fromA; i < toA; i++) {
      const next = new Map();
      for (const j of places.get(a[i]) ?? []) {
        if (j < fromB || j >= toB) continue;
        const length = (ending.get(j - 1) ?? 0) + 1;
        next.set(j, length);
        if (length > size) [bestA, bestB, size] = [i - length + 1, j - length + 1, length];
      }
      ending = next;
    }
    if (!size) continue;
    for (let k = 0; k < size; k++) groups.push([[bestA + k, bestA + k + 1], [bestB + k, bestB + k + 1]]);
    open.push([fromA, bestA, fromB, bestB], [bestA + size, toA, bestB + size, toB]);
  }
  return groups.sort((x, y) => x[0][0] - y[0][0]);
}

/** The groups, and between them, in order, each unit that only one of the two has: its other half is null. */
function withLoners(groups, countA, countB) {
  const all = [];
  let [i, j] = [0, 0];
  for (const [x, y] of [...groups, [[countA, countA], [countB, countB]]]) {
    for (; i < x[0]; i++) all.push([[i, i + 1], null]);
    for (; j < y[0]; j++) all.push([null, [j, j + 1]]);
    if (x[1] > x[0]) all.push([x, y]);
    [i, j] = [x[1], y[1]];
  }
  return all;
}

/**
 * A, B and A - B on common rows and columns, and the rank agreement of each column; null if nothing is common.
 * Units without a counterpart have rows and columns of their own; `alone` marks the cells that cannot be compared.
 * `rows` and `columns` say where the units of A are.
 */
export function compareViews(a, b) {
  const matched = alignedGroups(a.cols, b.cols);
  const columns = withLoners(matched, a.cols.length, b.cols.length);
  const rows = [];
  let common = 0;
  const seen = (view, [from, to]) => view.visible.subarray(from * view.columns, to * view.columns).some(Boolean);
  for (const side of ["source", "target"]) {
    const [ofA, ofB] = [a, b].map((view) => view.inputs.map((unit, at) => ({ ...unit, at })).filter((unit) => unit.side === side));
    const groups = alignedGroups(ofA, ofB);
    common += groups.length;
    const places = (units, range) => range && [units[range[0]].at, units[range[1] - 1].at + 1];
    for (const [x, y] of withLoners(groups, ofA.length, ofB.length)) {
      const [own, its] = [places(ofA, x), places(ofB, y)];
      if ((own && seen(a, own)) || (its && seen(b, its))) rows.push([own, its]);
    }
  }
  if (!matched.length || !common) return null;
  const one = regrouped(a, b, rows, columns);
  const swapped = ([x, y]) => [y, x];
  const two = regrouped(b, a, rows.map(swapped), columns.map(swapped));
  one.bound = two.bound = Math.max(one.bound, two.bound);
  const difference = { ...one, scores: one.scores.map((value, i) => value - two.scores[i]), visible: one.visible.map((v, i) => v & two.visible[i]), stepScores: {} };
  // what only one of the two could see has no difference
  difference.alone = one.alone.map((v, i) => v | (one.visible[i] ^ two.visible[i]));
  difference.scores = difference.scores.map((value, i) => (difference.visible[i] ? value : 0));
  difference.bound = largest(difference.scores);
  const agreement = rankAgreement(one, two);
  const only = (units, pairs) => pairs.forEach(([x, y], at) => (units[at].only = !x ? "B" : !y ? "A" : ""));
  for (const view of [one, two, difference]) {
    only(view.inputs, rows);
    only(view.cols, columns);
    view.stepScores = { ...view.stepScores, agreement };
  }
  return { a: one, b: two, difference, agreement, rows: rows.map((row) => row[0]), columns: columns.map((column) => column[0]) };
}

/** A view on the pairs of ranges [own, other's]; where there is no own range, the unit is the other's. */
function regrouped(view, other, rows, columns) {
  const out = {
    inputs: rows.map((pair) => joined(view.inputs, other.inputs, pair)),
    cols: columns.map((pair) => joined(view.cols, other.cols, pair)),
    rows: rows.length,
    columns: columns.length,
    scores: new Float64Array(rows.length * columns.length),
    visible: new Uint8Array(rows.length * columns.length),
    alone: new Uint8Array(rows.length * columns.length),
    stepScores: {},
  };
  rows.forEach(([ownRow, itsRow], r) =>
    columns.forEach(([ownColumn, itsColumn], c) => {
      const at = r * columns.length + c;
      const alone = !ownRow || !itsRow || !ownColumn || !itsColumn;
      out.alone[at] = alone ? 1 : 0;
      if (!ownRow || !ownColumn) return;
      for (let i = ownRow[0]; i < ownRow[1]; i++) {
        for (let j = ownColumn[0]; j < ownColumn[1]; j++) {
          if (!alone) out.scores[at] += view.scores[i * view.columns + j];
          out.visible[at] |= view.visible[i * view.columns + j];
        }
      }
    }),
  );
  // shares of each step's total, so that methods of different scale compare
  normalizeScores(out, "step");
  out.bound = largest(out.scores);
  out.seen = [...out.inputs.keys()];
  for (const [name, values] of Object.entries(view.stepScores)) {
    out.stepScores[name] = columns.map(([own]) => (own ? values.slice(...own).reduce((sum, value) => sum + value, 0) / (own[1] - own[0]) : NaN));
  }
  return out;
}

/** The units of a range [own, other's] as one. */
function joined(units, others, [own, its]) {
  const parts = own ? units.slice(...own) : others.slice(...its);
  const text = joinedText(parts);
  return { ...parts[0], text, label: parts.length > 1 ? text : parts[0].label, breaks: parts[parts.length - 1].breaks };
}

/** Spearman's rank correlation per column over cells both could see; NaN where a ranking is constant. */
export function rankAgreement(a, b) {
  return Array.from({ length: a.columns }, (_, c) => {
    const both = [...Array(a.rows).keys()].filter((r) => a.visible[r * a.columns + c] && b.visible[r * a.columns + c]);
    if (both.length < 2) return NaN;
    const x = ranks(both.map((r) => a.scores[r * a.columns + c]));
    const y = ranks(both.map((r) => b.scores[r * a.columns + c]));
    const mean = (both.length - 1) / 2;
    let [xy, xx, yy] = [0, 0, 0];
    x.forEach((value, i) => {
      xy += (value - mean) * (y[i] - mean);
      xx += (value - mean) ** 2;
      yy += (y[i] - mean) ** 2;
    });
    return xx * yy > 0 ? xy / Math.sqrt(xx * yy) : NaN;
  });
}

/** Rank of each value from 0; equal values share their mean rank. */
export function ranks(values) {
  const order = [...values.keys()].sort((i, j) => values[i] - values[j]);
  const out = new Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && values[order[end]] === values[order[start]]) end++;
    for (let k = start; k < end; k++) out[order[k]] = (start + end - 1) / 2;
    start = end;
  }
  return out;
}
