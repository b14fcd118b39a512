import assert from "node:assert/strict";
import test from "node:test";

import { alignedGroups, compareViews, ranks } from "../../../packages/viz/src/wherefrom_viz/page/scripts/align.js";

const units = (...texts) => texts.map((text) => ({ text, special: text.startsWith("<") }));

for (const [name, a, b, groups] of [
  ["different cuts", ["un", "happy"], ["unhap", "py"], [[[0, 2], [0, 2]]]],
  ["one finer", ["ab", "c"], ["a", "b", "c"], [[[0, 1], [0, 2]], [[1, 2], [2, 3]]]],
  ["different texts", ["a", "x", "b"], ["a", "b"], [[[0, 1], [0, 1]], [[2, 3], [1, 2]]]],
  ["special tokens of one", ["<s>", "a"], ["a"], [[[1, 2], [0, 1]]]],
  ["nothing in common", ["a"], ["b"], []],
]) {
  test(`tokens align by characters: ${name}`, () => assert.deepEqual(alignedGroups(units(...a), units(...b)), groups));
}

const unit = (text, side = "target") => ({ text, label: text, side, special: false });
const view = (scores, inputs = ["a", "b"], cols = ["c"]) => ({
  inputs: inputs.map((text) => unit(text)),
  cols: cols.map((text) => unit(text)),
  rows: inputs.length,
  columns: cols.length,
  scores: Float64Array.from(scores),
  visible: new Uint8Array(scores.length).fill(1),
  stepScores: { probability: cols.map((_, c) => 0.5 + c / 10) },
});

test("the difference is of shares, A minus B", () => {
  const pair = compareViews(view([3, 1]), view([100, 300]));
  assert.deepEqual([...pair.difference.scores], [0.5, -0.5]);
  assert.ok(Math.abs(pair.agreement[0] + 1) < 1e-12);
});

test("views without common text do not compare", () => {
  assert.equal(compareViews(view([1, 2]), view([1, 2], ["a", "b"], ["z"])), null);
});

test("units without a counterpart stand in their place and have no difference", () => {
  const pair = compareViews(view([1, 2, 1, 0, 0, 4], ["a", "x", "b"], ["c", "d"]), view([1, 3], ["a", "b"], ["d"]));
  assert.deepEqual(pair.a.inputs.map(({ text, only }) => [text, only]), [["a", ""], ["x", "A"], ["b", ""]]);
  assert.deepEqual(pair.b.cols.map(({ text, only }) => [text, only]), [["c", "A"], ["d", ""]]);
  assert.deepEqual([...pair.difference.alone], [1, 0, 1, 1, 1, 0]);
  assert.deepEqual([...pair.difference.visible], [0, 1, 0, 0, 0, 1]);
  const close = (found, expected) => expected.forEach((v, i) => assert.ok(Math.abs(found[i] - v) < 1e-12, `${i}: ${found[i]}`));
  close(pair.difference.scores, [0, 1 / 3 - 1 / 4, 0, 0, 0, 2 / 3 - 3 / 4]);
  assert.deepEqual(pair.columns, [[0, 1], [1, 2]]);
  assert.deepEqual(pair.rows, [[0, 1], [1, 2], [2, 3]]);
});

test("what only one of the two could see has no difference", () => {
  const a = view([3, 1]);
  const b = { ...view([3, 0]), visible: Uint8Array.of(1, 0) };
  const pair = compareViews(a, b);
  assert.deepEqual([...pair.difference.alone], [0, 1]);
  assert.deepEqual([...pair.a.alone], [0, 0]);
  assert.equal(pair.difference.scores[1], 0);
});

test("step scores of merged outputs are their mean; the agreement stands below", () => {
  const pair = compareViews(view([1, 2, 3, 4], ["a", "b"], ["un", "happy"]), view([1, 2], ["a", "b"], ["unhappy"]));
  assert.ok(Math.abs(pair.a.stepScores.probability[0] - 0.55) < 1e-12);
  assert.deepEqual(Object.keys(pair.difference.stepScores), ["agreement"]);
});

test("the longest common run is kept whole, as Python's difflib keeps it", () => {
  const groups = alignedGroups(units("x", "a", "b", "c", "y", "a"), units("a", "q", "a", "b", "c"));
  assert.deepEqual(groups.map(([[i], [j]]) => [i, j]), [[1, 2], [2, 3], [3, 4]]);
});

test("equal values share their rank", () => assert.deepEqual(ranks([5, 1, 5, 9]), [1.5, 0, 1.5, 3]));
