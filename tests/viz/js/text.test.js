import assert from "node:assert/strict";
import test from "node:test";

import { luminance, Painter, rampColour, textOn } from "../../../packages/viz/src/wherefrom_viz/page/scripts/colour.js";
import { direction } from "../../../packages/viz/src/wherefrom_viz/page/scripts/dom.js";
import { toMarkdown, toSvg, toTsv } from "../../../packages/viz/src/wherefrom_viz/page/scripts/exports.js";
import { cellNumber, cellUnit, short, signed } from "../../../packages/viz/src/wherefrom_viz/page/scripts/numbers.js";
import { found } from "../../../packages/viz/src/wherefrom_viz/page/scripts/search.js";

test("text stands out by 4.5 on any colour", () => {
  for (let r = 0; r < 256; r += 15) {
    for (let g = 0; g < 256; g += 15) {
      for (let b = 0; b < 256; b += 15) {
        const light = luminance([r, g, b]);
        const contrast = textOn([r, g, b]) === "#000000" ? (light + 0.05) / 0.05 : 1.05 / (light + 0.05);
        assert.ok(contrast >= 4.5);
      }
    }
  }
});

test("ramps are clamped and mixed", () => {
  const ramp = [[0, 0, 0], [100, 200, 50]];
  assert.deepEqual(rampColour(ramp, 0.5), [50, 100, 25]);
  assert.deepEqual(rampColour(ramp, 7), [100, 200, 50]);
});

test("numbers are short", () => {
  assert.deepEqual([0.41234, -3.1e-5, 0, 12345678, NaN, Infinity, -Infinity].map((v) => signed(v)), ["+0.412", "-3.1e-5", "0", "+1.2e7", "n/a", "+inf", "-inf"]);
  assert.equal(short(0.5), "0.5");
  assert.deepEqual([cellNumber(-0.001, 0.6), cellNumber(0.00041, 0.0005), cellUnit(0.0005)], ["0.00", "4.10", "numbers in cells × 10^-4"]);
});

const view = {
  inputs: [{ text: "=1|<b>", label: "=1|<b>", side: "target" }],
  cols: [{ text: "</text><script>", label: "</text><script>" }],
  rows: 1,
  columns: 1,
  scores: Float64Array.of(0.5),
  visible: Uint8Array.of(1),
  seen: [0],
  stepScores: {},
};

test("exports escape what their formats would act on", () => {
  const table = toMarkdown(view, { title: "a:b", notes: "@c", signs: true });
  assert.ok(table.includes("=1\\|\\<b\\>"));
  assert.ok(table.startsWith("**a\\:b**\n\n| ") && table.endsWith("\n\n\\@c\n"));
  for (const text of ["=1|<b>", "＝1", "＠x", "  +1"]) {
    assert.ok(toTsv({ ...view, inputs: [{ text, label: text, side: "target" }] }).includes(`'${text}`));
  }
  const palette = { light: [["#ffffff", "#ff0000"], ["#ffffff", "#0000ff"]] };
  const svg = toSvg({ view, bound: () => 1, shownRange: () => [1, []] }, new Painter(palette, "light"), { title: "<&>", legend: "" });
  assert.ok(!svg.includes("<script>") && svg.includes("&lt;&amp;&gt;"));
});

// the cases of tests/viz/test_running_text.py
test("the first letter says how a text is read", () => {
  for (const [texts, way] of [
    [["عاصمة", "a"], "rtl"],
    [["1. (", "שלום"], "rtl"],
    [["a", "عاصمة"], "ltr"],
    [["漢字"], "ltr"],
    [["ﻼ"], "rtl"],
    [["…", "12"], "ltr"],
    [[], "ltr"],
  ]) assert.equal(direction(texts.map((text) => ({ text }))), way);
  assert.equal(direction([{ text: "<s>", template: true }, { text: "שלום" }]), "rtl");
});

test("search needs every word; sorting keeps the rest in order", () => {
  const entries = [
    { title: "a", text: "The Cat", inputs: 3, outputs: 1, probability: 0.9 },
    { title: "b", text: "the dog", inputs: 5, outputs: 1, probability: 0.1 },
    { title: "c", text: "a cat and the dog", inputs: 3, outputs: 1, probability: null },
  ];
  assert.deepEqual(found(entries, "the cat", "order"), [0, 2]);
  assert.deepEqual(found(entries, "", "inputs"), [1, 0, 2]);
  assert.deepEqual(found(entries, "", "doubt"), [1, 0, 2]);
});
