import assert from "node:assert/strict";
import test from "node:test";

import { buildView, columnScores, joined, merged, shownRows, strongest, unitStarts } from "../../../packages/viz/src/wherefrom_viz/page/scripts/units.js";

// prompt "a", output "b" "c"; b sees a, c sees a and b
const example = () => ({
  sides: [{ name: "target", title: "Output", t: ["a", " b", "c"], f: "710", scored: 1, positions: null, sizes: null }],
  first: 1,
  last: 3,
  scores: Float32Array.of(1, 2, 9, -4, 9, 9),
  stepScores: { probability: Float32Array.of(0.5, 0.5) },
});

test("units begin at their flags and at the first output", () => {
  assert.deepEqual(unitStarts("7010", "word"), [0, 2]);
  assert.deepEqual(unitStarts("7010", "word", 1), [0, 1, 2]);
  assert.deepEqual(unitStarts("700", "token"), [0, 1, 2]);
});

// the cases of tests/viz/test_text_marks.py: each token as Python marks it, and the whole
test("tokens side by side are shown as their text", () => {
  for (const [marked, whole] of [
    [["हि", "न", "◌\u094d", "दी"], "हिन\u094dदी"],
    [["", "◌\u0301", "e", "◌\u0301"], "◌\u0301e\u0301"],
    [["a", " ", "◌\u0301"], "a \u0301"],
    [["क", "◌\u094d", "‹U+200D›", "ष"], "क\u094d\u200dष"],
    [["👩", "‹U+200D›", "👩", "‹U+200D›", "👧"], "👩\u200d👩\u200d👧"],
    [["👩‹U+200D›", "👧", "‹U+200D›"], "👩\u200d👧‹U+200D›"],
    [["❤", "◌\ufe0f"], "❤\ufe0f"],
    [["a", "‹U+200D›", "b", "‹U+200B›", "⏎", "‹U+202E›"], "a‹U+200D›b‹U+200B›⏎‹U+202E›"],
    [["⏎", "‹U+200C›a"], "⏎‹U+200C›a"],
  ]) assert.equal(joined(marked), whole);
});

test("cells a step could not see are hidden whatever is stored there", () => {
  const view = buildView(example());
  assert.deepEqual([...view.visible], [1, 1, 0, 1, 0, 0]);
  assert.deepEqual([...view.scores], [1, 2, 0, -4, 0, 0]);
  assert.deepEqual(view.seen, [0, 1]);
});

test("hidden rows are seen by steps, and not shown", () => {
  const whole = example();
  whole.sides[0].f = "?10"; // the first is special and a template's
  const view = buildView(whole, { hide: true });
  assert.deepEqual([view.seen, shownRows(view)], [[0, 1], [1]]);
  assert.deepEqual(shownRows(buildView(whole)), [0, 1]);
});

test("words merge rows, columns and step scores", () => {
  const view = buildView(example(), { level: "word", stepMerge: { probability: "prod" } });
  assert.deepEqual(view.cols.map((col) => col.text), ["bc"]);
  assert.deepEqual([...view.scores], [3, -4]);
  assert.deepEqual(view.stepScores.probability, [0.25]);
});

test("each merge folds visible cells only", () => {
  const matrix = { rows: 3, columns: 1, scores: Float64Array.of(-1, -5, 3), visible: Uint8Array.of(1, 1, 0) };
  const value = (how) => merged(matrix, [0], [0], how).scores[0];
  assert.equal(value("sum"), -6);
  assert.equal(value("mean"), -3);
  assert.equal(value("max"), -1);
  assert.equal(value("absmax"), -5);
  assert.ok(Math.abs(value("l2") - Math.sqrt(26)) < 1e-12);
});

// 1 0    the cases of tests/core/test_merged_block.py
// 2 3
// 4 5    the last two are shares of one score
test("a block is merged as a whole", () => {
  const matrix = { rows: 3, columns: 2, scores: Float64Array.of(1, 0, 2, 3, 4, 5), visible: Uint8Array.of(1, 0, 1, 1, 1, 1) };
  const value = (shares, how) => merged({ ...matrix, shares }, [0], [0], how).scores[0];
  assert.equal(value([], "mean"), 3);
  assert.equal(value([0, 0, 1], "mean"), 5);
  assert.equal(value([0, 0, 1], "max"), 8);
  assert.deepEqual([...merged({ ...matrix, shares: [0, 0, 1] }, [0, 2], [0, 1], "absmax").scores], [2, 3, 4, 5]); // no units
});

test("a block of all cells of a long text is merged", () => {
  const scores = new Float64Array(400_000).fill(1);
  for (const [how, wanted] of [["max", 1], ["l2", Math.sqrt(400_000)]]) {
    const found = merged({ rows: 1000, columns: 400, scores, visible: new Uint8Array(400_000).fill(1) }, [0], [0], how);
    assert.ok(Math.abs(found.scores[0] - wanted) < 1e-6);
  }
});

test("per-output normalisation makes magnitudes sum to one", () => {
  const view = buildView(example(), { normalize: "step" });
  assert.equal(view.scores[0], 1);
  assert.ok(Math.abs(Math.abs(view.scores[1]) + Math.abs(view.scores[3]) - 1) < 1e-12);
});

test("strongest inputs come by magnitude, with their sign", () => {
  const view = buildView(example());
  assert.deepEqual(strongest(view, 1, 1), [{ at: 1, score: -4 }, { at: 0, score: 2 }]);
  assert.deepEqual([...columnScores(view, 0, 1).scores], [3, -4, 0]);
});

test("an output token knows its row and its column", () => {
  const [side] = buildView(example()).sides;
  assert.deepEqual(side.units.map((unit) => [unit.row, unit.col, unit.output]), [[0, -1, false], [1, 0, true], [2, 1, true]]);
});

test("bytes are named by the letter or mark they belong to, and white space has none", () => {
  const t = ["ह", "", "◌ि", "◌ै", "", " ،", "", "🌈", "", "", "␣", "", "a", "b"];
  const f = ["@", "0", "0", "0", "0", "@", "0", "@", "0", "@", "@", "0", "@", "@"].join("");
  const view = buildView({ sides: [{ name: "target", title: "Text", t, f, scored: 1, positions: null, sizes: null }], first: 13, last: 14, scores: new Float32Array(14), stepScores: {} });
  assert.deepEqual(
    view.sides[0].units.slice(0, 13).map((unit) => unit.label),
    ["ह 1/2", "ह 2/2", "◌ि", "◌ै 1/2", "◌ै 2/2", "\u200e،\u200e 1/2", "\u200e،\u200e 2/2", "🌈 1/2", "🌈 2/2", "∅", "␣", "∅", "a"],
  );
});
