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

const ROUNDING = 1e-6; // shares that differ by less are equal, as in Python

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
    scored: own.scored && its.scored, // scores that one of them lacks are no part of its shares
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

/**
 * One half of a comparison: an example's units, made of its own tokens, summed into the units of both, as in Python. Each
 * stands at the common token it begins in.
 */
function half(example, sides, pair, whose, spans, options) {
  const own = buildView(example, { ...options, spans });
  const columns = pair.to - pair.from;
  const scored = sides.filter((side) => side.scored);
  const scores = new Float64Array(scored.reduce((sum, { groups }) => sum + groups.length, 0) * columns);
  const visible = new Uint8Array(scores.length);
  const lost = [];
  const placed = ({ side, start }) => sides.find(({ name }) => name === side)?.groups.findIndex(({ [whose]: [from, to] }) => from <= start && start < to) ?? -1;
  const steps = own.cols.map((col) => placed(col) - pair.from);
  own.inputs.forEach((unit, r) => {
    const place = scored.some(({ name }) => name === unit.side) ? placed(unit) : -1;
    const row = place + (scored[1]?.name === unit.side ? scored[0].groups.length : 0);
    steps.forEach((step, c) => {
      if (place < 0 || step < 0 || step >= columns) return;
      const [from, to] = [r * own.columns + c, row * columns + step];
      scores[to] += own.scores[from];
      visible[to] |= own.visible[from];
      if (own.lost.has(from)) lost.push(to);
    });
  });
  const contrasts = sides.at(-1).groups.slice(pair.from, pair.to).map(({ [whose]: [from, to] }) => to - from === 1 && example.contrasts[from - example.first]);
  const view = buildView({ ...example, sides, contrasts, first: pair.from, last: pair.to, scores, visible, lost, stepScores: {} }, { ...options, merge: "sum" });
  const before = (at) => steps.filter((step) => step + pair.from < at).length;
  view.stepScores = mergedSteps(own.stepScores, example.stepMerge, view.cols.map(({ start, end }) => [before(start), before(end)]));
  return view;
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
  const shown = { ...options, spans: apart(spans), normalize: "none" };
  const [one, two] = [half(a, sides, pair, "own", options.spans, shown), half(b, sides, pair, "its", options.others, shown)];
  for (const view of [one, two]) {
    // shares of what both have: methods of different size compare
    if (view.alone) view.scores = view.scores.map((value, i) => (view.alone[i] ? 0 : value));
    normalizeScores(view, "step");
    view.bound = largest(counted(view), options.range);
  }
  one.bound = two.bound = Math.max(one.bound, two.bound);
  one.seen = two.seen = [...new Set([...one.seen, ...two.seen])].sort((x, y) => x - y); // the same rows in all three
  const visible = one.visible.map((seen, i) => seen & two.visible[i]);
  const lost = new Set([...one.lost, ...two.lost]);
  const change = (value, i) => (visible[i] && !lost.has(i) && Math.abs(value - two.scores[i]) >= ROUNDING ? value - two.scores[i] : 0);
  const difference = { ...one, visible, lost, scores: one.scores.map(change), stepScores: {} };
  difference.bound = largest(counted(difference));
  const agreement = agreementOf(pair, options, difference.cols.length);
  const place = (unit) => {
    const side = sides.find(({ name }) => name === unit.side);
    const parts = side.groups.slice(unit.start, unit.end).map(({ own }) => own).filter(([from, to]) => from < to);
    return parts.length ? { side: unit.side, from: parts[0][0], to: parts.at(-1)[1] } : null;
  };
  for (const view of [one, two, difference]) view.stepScores = { ...view.stepScores, ...(agreement && { agreement }) };
  return { a: one, b: two, difference, agreement, rows: one.inputs.map(place), columns: one.cols.map(place) };
}

/**
 * Rank agreement of each column; null if Python ranked other units, or merged them in another way. A level that Python left
 * out has tokens of the same scores as units, whatever the merge; a norm takes their signs.
 */
function agreementOf(pair, { level, merge, drawn }, columns) {
  const own = pair.agreement[level];
  const known = own ?? pair.agreement.token;
  const other = level !== "token" && merge !== pair.merge && (own || merge === "l2");
  return other || (level === "span" && drawn) || known.length !== columns ? null : known.map((value) => value ?? NaN);
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
