// Two examples of one text side by side. Which tokens correspond and how far the ranks agree was found in Python; here the
// scores of both are set on those common tokens.

import { buildView, counted, joined, largest, mergedSteps, normalizeScores } from "./units.js";

/** What a page knows of its pairs: {"3-7": pair}. */
export const pairsByPlace = (pairs) => new Map(pairs.map((pair) => [`${pair.a}-${pair.b}`, pair]));

/** The pair of two examples as seen from the first, or null; `swapped` where the page holds it the other way round. */
export function pairOf(pairs, one, other) {
  const known = pairs.get(`${Math.min(one, other)}-${Math.max(one, other)}`);
  return known ? { ...known, swapped: one > other } : null;
}

/** The examples that one of them can be compared with. */
export const partnersOf = (pairs, index) => [...pairs.values()].flatMap(({ a, b }) => (a === index ? [b] : b === index ? [a] : []));

/** Common tokens of a side: [from, to] in this example's tokens and in the other's, ends exclusive. */
function groupsOf(pair, name) {
  const { g } = pair[name];
  const all = typeof g === "number" ? Array.from({ length: g }, (_, i) => [i, i + 1, i, i + 1]) : g;
  return all.map(([a, b, c, d]) => (pair.swapped ? { own: [c, d], its: [a, b] } : { own: [a, b], its: [c, d] }));
}

const plain = (text) => text.replace(/^ /, "");

/** A side of both examples: its common tokens, with the texts of the one, of the other, or ("he → she") of both. */
function commonSide(own, its, pair, name) {
  const groups = groupsOf(pair, name);
  const text = (side, [from, to]) => (from < to ? joined(side.t.slice(from, to)) : null);
  const size = (side, [from, to]) => {
    let total = 0;
    for (let i = from; i < to; i++) total += side.sizes ? side.sizes[i] : 1;
    return total;
  };
  const sizes = groups.map((group) => Math.max(size(own, group.own), size(its, group.its)));
  let at = 0;
  return {
    name,
    title: own.title,
    scored: own.scored || its.scored,
    t: groups.map((group) => {
      const [mine, theirs] = [text(own, group.own), text(its, group.its)];
      if (mine === null || theirs === null || plain(mine) === plain(theirs)) return mine ?? theirs;
      return `${mine} → ${plain(theirs)}`;
    }),
    f: pair[name].f,
    only: groups.map((group) => (group.own[0] === group.own[1] ? "B" : group.its[0] === group.its[1] ? "A" : "")),
    sizes,
    positions: sizes.map((one) => (at += one) - one),
    groups,
  };
}

/** One half of a comparison: an example with its own scores, on the tokens of both; what only one has is told by places. */
function half(example, sides, pair, whose) {
  const target = sides.find((side) => side.name === "target");
  const columns = pair.to - pair.from;
  const own = example.last - example.first;
  const scored = sides.filter((side) => side.scored);
  const rows = scored.reduce((sum, side) => sum + side.groups.length, 0);
  const scores = new Float64Array(rows * columns);
  const visible = new Uint8Array(rows * columns);
  const whole = buildView(example);
  const firstRow = {};
  let row = 0;
  for (const side of example.sides) {
    if (!side.scored) continue;
    firstRow[side.name] = row;
    row += side.f.length;
  }
  const steps = target.groups.slice(pair.from, pair.to).map((group) => group[whose].map((at) => Math.min(own, Math.max(0, at - example.first))));
  let cell = 0;
  for (const side of scored) {
    side.groups.forEach((group, k) => {
      for (let c = 0; c < columns; c++, cell++) {
        if (side.only[k] || target.only[pair.from + c]) visible[cell] = 1;
        for (let i = group[whose][0]; side.name in firstRow && i < group[whose][1]; i++) {
          for (let j = steps[c][0]; j < steps[c][1]; j++) {
            const at = (firstRow[side.name] + i) * own + j;
            scores[cell] += whole.scores[at];
            visible[cell] |= whole.visible[at];
          }
        }
      }
    });
  }
  const stepScores = mergedSteps(example.stepScores, example.stepMerge, steps);
  const contrasts = steps.map(([from, to]) => to - from === 1 && example.contrasts[from]);
  return { ...example, sides, contrasts, first: pair.from, last: pair.to, scores, visible, stepScores };
}

/**
 * A, B and A - B on common units, and the rank agreement of each column (null where it is not known for these units).
 * `rows` and `columns` say in which tokens of A the units are.
 */
export function compareViews(a, b, pair, options) {
  const names = ["source", "target"].filter((name) => pair[name]);
  const find = (example, name) => example.sides.find((side) => side.name === name);
  const sides = names.map((name) => commonSide(find(a, name), find(b, name), pair, name));
  const spans = sides.flatMap((side) => [...carried(options.spans, side, "own"), ...carried(options.others ?? [], side, "its")]);
  const [one, two] = [half(a, sides, pair, "own"), half(b, sides, pair, "its")].map((example) => buildView(example, { ...options, spans: apart(spans), normalize: "none" }));
  for (const view of [one, two]) {
    // shares of what both have: methods of different size compare
    if (view.alone) view.scores = view.scores.map((value, i) => (view.alone[i] ? 0 : value));
    normalizeScores(view, "step");
    view.bound = largest(counted(view));
  }
  one.bound = two.bound = Math.max(one.bound, two.bound);
  one.seen = two.seen = [...new Set([...one.seen, ...two.seen])].sort((x, y) => x - y); // the same rows in all three
  const visible = one.visible.map((seen, i) => seen & two.visible[i]);
  const difference = { ...one, visible, scores: one.scores.map((value, i) => (visible[i] ? value - two.scores[i] : 0)), stepScores: {} };
  difference.bound = largest(counted(difference));
  const agreement = agreementOf(pair, options, difference, sides.at(-1));
  const place = (unit) => {
    const side = sides.find(({ name }) => name === unit.side);
    const parts = side.groups.slice(unit.start, unit.end).map(({ own }) => own).filter(([from, to]) => from < to);
    return parts.length ? { side: unit.side, from: parts[0][0], to: parts.at(-1)[1] } : null;
  };
  for (const view of [one, two, difference]) view.stepScores = { ...view.stepScores, ...(agreement && { agreement }) };
  return { a: one, b: two, difference, agreement, rows: one.inputs.map(place), columns: one.cols.map(place) };
}

/** Rank agreement of each column; null if Python ranked other units, or merged them in another way. */
function agreementOf(pair, { level, merge, drawn }, view, target) {
  const known = pair.agreement[level] ?? pair.agreement.token;
  if ((level === "span" && drawn) || known.length !== view.cols.length) return null;
  const merged = view.inputs.some((unit) => unit.end - unit.start > 1) || known.length < target.f.length - pair.from;
  if (merged && level !== "token" && merge !== pair.merge) return null;
  return known.map((value) => value ?? NaN);
}

/** Spans of one example, in common tokens. */
export function carried(spans, side, whose) {
  return spans
    .filter((span) => span.side === side.name)
    .flatMap((span) => {
      const inside = [...side.groups.keys()].filter((at) => side.groups[at][whose][0] < span.to && side.groups[at][whose][1] > span.from);
      return inside.length ? [{ ...span, from: inside[0], to: inside.at(-1) + 1 }] : [];
    });
}

/** The spans without those that overlap an earlier one. */
const apart = (spans) => spans.filter((span, i) => !spans.slice(0, i).some((other) => other.side === span.side && other.from < span.to && other.to > span.from));
