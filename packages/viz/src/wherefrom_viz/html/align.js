// Two examples of one text on common units: aligned by characters, not by token count. The same rules as comparison.py.

/** Smallest groups of units of `a` and `b` that cover the same characters: [[fromA, toA], [fromB, toB]], ends exclusive. */
export function alignedGroups(a, b) {
  const bare = (units) => units.map((unit) => unit.text.replace(/[\s␣]/g, ""));
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
  const found = textA.join("") === textB.join("") ? sameCharacters(textA, textB) : commonRun(textA, textB);
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

/** Longest common subsequence of two lists of texts. */
function commonRun(a, b) {
  const lengths = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i][j] = a[i] === b[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
    }
  }
  const groups = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) groups.push([[i, ++i], [j, ++j]]);
    else if (lengths[i + 1][j] >= lengths[i][j + 1]) i++;
    else j++;
  }
  return groups;
}

/** A, B and A - B on common rows and columns, and the rank agreement of each column; null if nothing is common. */
export function compareViews(a, b) {
  const columns = alignedGroups(a.cols, b.cols);
  const rows = [];
  for (const side of ["source", "target"]) {
    const ofA = a.inputs.map((unit, row) => ({ ...unit, at: row })).filter((unit) => unit.side === side);
    const ofB = b.inputs.map((unit, row) => ({ ...unit, at: row })).filter((unit) => unit.side === side);
    if (!ofA.length || !ofB.length) continue;
    for (const [x, y] of alignedGroups(ofA, ofB)) {
      rows.push([[ofA[x[0]].at, ofA[x[1] - 1].at + 1], [ofB[y[0]].at, ofB[y[1] - 1].at + 1]]);
    }
  }
  if (!columns.length || !rows.length) return null;
  const one = regrouped(a, rows.map((r) => r[0]), columns.map((c) => c[0]));
  const two = regrouped(b, rows.map((r) => r[1]), columns.map((c) => c[1]));
  const bound = Math.max(one.bound, two.bound);
  one.bound = bound;
  two.bound = bound;
  const difference = { ...one, scores: one.scores.map((value, i) => value - two.scores[i]), visible: one.visible.map((v, i) => v & two.visible[i]) };
  difference.bound = difference.scores.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  return { a: one, b: two, difference, agreement: rankAgreement(one, two) };
}

function regrouped(view, rows, columns) {
  const out = {
    inputs: rows.map(([from, to]) => joined(view.inputs, from, to)),
    cols: columns.map(([from, to]) => joined(view.cols, from, to)),
    rows: rows.length,
    columns: columns.length,
    scores: new Float64Array(rows.length * columns.length),
    visible: new Uint8Array(rows.length * columns.length),
    stepScores: {},
  };
  rows.forEach(([r0, r1], r) =>
    columns.forEach(([c0, c1], c) => {
      for (let i = r0; i < r1; i++) {
        for (let j = c0; j < c1; j++) {
          out.scores[r * columns.length + c] += view.scores[i * view.columns + j];
          out.visible[r * columns.length + c] |= view.visible[i * view.columns + j];
        }
      }
    }),
  );
  // shares of each step's total, so that methods of different scale compare
  for (let c = 0; c < out.columns; c++) {
    let total = 0;
    for (let r = 0; r < out.rows; r++) total += Math.abs(out.scores[r * out.columns + c]);
    if (total > 0) for (let r = 0; r < out.rows; r++) out.scores[r * out.columns + c] /= total;
  }
  out.bound = out.scores.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  out.seen = [...out.inputs.keys()];
  return out;
}

function joined(units, from, to) {
  const parts = units.slice(from, to);
  return { ...parts[0], text: parts.map((part, i) => (i && part.spaced ? " " : "") + part.text).join(""), breaks: parts[parts.length - 1].breaks };
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
