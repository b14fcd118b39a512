import assert from "node:assert/strict";
import test from "node:test";

import { alignedGroups, compareViews, ranks } from "../../../packages/viz/src/wherefrom_viz/html/align.js";

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

const view = (scores) => ({
  inputs: [{ text: "a", side: "target" }, { text: "b", side: "target" }],
  cols: [{ text: "c" }],
  rows: 2,
  columns: 1,
  scores: Float64Array.from(scores),
  visible: Uint8Array.of(1, 1),
});

test("the difference is of shares, A minus B", () => {
  const pair = compareViews(view([3, 1]), view([100, 300]));
  assert.deepEqual([...pair.difference.scores], [0.5, -0.5]);
  assert.ok(Math.abs(pair.agreement[0] + 1) < 1e-12);
});

test("views without common text do not compare", () => {
  assert.equal(compareViews(view([1, 2]), { ...view([1, 2]), cols: [{ text: "z" }] }), null);
});

test("equal values share their rank", () => assert.deepEqual(ranks([5, 1, 5, 9]), [1.5, 0, 1.5, 3]));
