import assert from "node:assert/strict";
import test from "node:test";

import { elided, labelled } from "../../../packages/viz/src/wherefrom_viz/page/scripts/labels.js";

const within = (most) => (text) => [...text].length <= most;

test("labels lose their middle, and no more than needed", () => {
  assert.equal(elided("abcdefghij", within(10)), "abcdefghij");
  assert.equal(elided("abcdefghij", within(6)), "abc…ij");
  assert.equal(elided("abcdefghij", within(2)), "a…");
  assert.equal(elided("abcdefghij", () => false), "…");
  assert.equal(elided("", within(0)), "");
});

test("what is one letter to a reader is not cut", () => {
  const family = "👩\u200d👩\u200d👧";
  const marked = "e\u0301";
  assert.equal(elided(family + "bcdefghi" + marked, (text) => text.length <= family.length + marked.length + 1), `${family}…${marked}`);
});

test("as many labels as have room, those of crosshair and pins first", () => {
  assert.deepEqual(labelled(0, 4, 1), [0, 1, 2, 3, 4]);
  assert.deepEqual(labelled(7, 20, 5), [10, 15, 20]);
  assert.deepEqual(labelled(0, 20, 5, [7, 9, 20]), [7, 20, 0, 15]);
  assert.deepEqual(labelled(0, 10, 5, [undefined, 300]), [0, 5, 10]);
  for (let seed = 0; seed < 50; seed++) {
    const step = 1 + (seed % 7);
    const shown = labelled(3, 90, step, [(seed * 37) % 100, (seed * 61) % 100]).sort((a, b) => a - b);
    assert.ok(shown.every((at, i) => at >= 3 && at <= 90 && (!i || at - shown[i - 1] >= step)));
  }
});
