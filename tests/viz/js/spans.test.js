import assert from "node:assert/strict";
import test from "node:test";

import { added, cleanName, fitting, formatSpans, parseSpans } from "../../../packages/viz/src/wherefrom_viz/page/scripts/spans.js";
import { buildView } from "../../../packages/viz/src/wherefrom_viz/page/scripts/units.js";
import { carried } from "../../../packages/viz/src/wherefrom_viz/page/scripts/pairing.js";

const span = (side, from, to, name = "") => ({ side, from, to, name });

test("spans survive the address, whatever their names hold", () => {
  const spans = { 0: [span("source", 0, 2, "a~b!c&d=#e"), span("target", 3, 4)], 11: [span("target", 1, 9, "12t1-2")] };
  const text = formatSpans(spans);
  assert.equal(text, "1s1-2~a~0b~1c&d=#e!1t4-4!12t2-9~12t1-2");
  assert.deepEqual(parseSpans(text), spans);
});

test("an example whose spans were all removed stays without", () => {
  assert.equal(formatSpans({ 4: [] }), "5");
  assert.deepEqual(parseSpans("5"), { 4: [] });
});

for (const text of ["", "x", "0t1-2", "1t0-2", "1t5-2", "1q1-2", "1t1", "1t1-2-3", "99999999t1-2", "1t1-99999999", "-1t1-2", "1t1e3-2"]) {
  test(`senseless spans are left out: ${text || "nothing"}`, () => {
    assert.deepEqual(Object.values(parseSpans(text)).flat(), []);
  });
}

test("names hold no controls, direction marks or halves of letters, and end somewhere", () => {
  assert.equal(cleanName(" a\u202eb\u0000c\u2028d\ud800e\n"), "ab c de");
  assert.equal(cleanName("👩\u200d👧"), "👩\u200d👧");
  assert.equal([...cleanName("x".repeat(10_000))].length, 80);
  assert.deepEqual(parseSpans("1t1-2~\u202ehidden")[0][0].name, "hidden");
});

test("a new span replaces those it overlaps, and only those", () => {
  const spans = [span("source", 0, 9), span("target", 0, 2), span("target", 2, 5), span("target", 7, 9)];
  assert.deepEqual(added(spans, span("target", 4, 6, "new")), [spans[0], spans[1], span("target", 4, 6, "new"), spans[3]]);
});

test("spans are cut to the tokens there are", () => {
  const sides = [{ name: "target", f: "000" }];
  assert.deepEqual(fitting([span("target", 1, 9), span("target", 3, 5), span("source", 0, 1)], sides), [span("target", 1, 3)]);
});

test("a span is carried to the common tokens that its own are in", () => {
  const side = { name: "target", groups: [{ own: [0, 1], its: [0, 1] }, { own: [1, 3], its: [1, 3] }, { own: [3, 3], its: [3, 4] }] };
  assert.deepEqual(carried([span("target", 1, 2, "x")], side, "own"), [span("target", 1, 2, "x")]);
  assert.deepEqual(carried([span("target", 3, 4)], side, "its"), [span("target", 2, 3)]);
  assert.deepEqual(carried([span("target", 3, 4), span("source", 0, 1)], side, "own"), []);
});

// prompt "a b", output "c" "d" "e"
const example = () => ({
  sides: [{ name: "target", title: "Output", t: ["a", " b", " c", " d", " e"], f: "71111", scored: 1, positions: null, sizes: null }],
  first: 2,
  last: 5,
  scores: Float32Array.from({ length: 15 }, (_, i) => i + 1),
  stepScores: { probability: Float32Array.of(0.5, 0.5, 0.25) },
});

test("spans are units over inputs and outputs alike; other tokens stay as they are", () => {
  const view = buildView(example(), { level: "span", spans: [span("target", 0, 2, "question"), span("target", 3, 5)], stepMerge: { probability: "prod" } });
  assert.deepEqual(view.inputs.map((unit) => unit.label), ["question", "c", "d e"]);
  assert.deepEqual(view.cols.map((unit) => unit.label), ["c", "d e"]);
  assert.deepEqual([...view.scores].slice(0, 2), [1 + 4, 2 + 3 + 5 + 6]);
  assert.deepEqual(view.stepScores.probability, [0.5, 0.125]);
  assert.deepEqual(view.sides[0].units.map((unit) => unit.text), ["a b", "c", "d e"]);
});

test("a span over the first output is cut there", () => {
  const view = buildView(example(), { level: "span", spans: [span("target", 1, 4, "x")] });
  assert.deepEqual(view.inputs.map((unit) => [unit.text, unit.label]), [["a", "a"], ["b", "x"], ["c d", "x"], ["e", "e"]]);
  assert.deepEqual(view.cols.map((unit) => unit.text), ["c d", "e"]);
});

test("other granularities do not see spans", () => {
  assert.equal(buildView(example(), { level: "token", spans: [span("target", 0, 5, "x")] }).inputs[0].label, "a");
});
