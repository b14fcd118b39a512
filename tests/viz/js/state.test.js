import assert from "node:assert/strict";
import test from "node:test";

import { DEFAULTS, formatHash, parseHash } from "../../../packages/viz/src/wherefrom_viz/page/scripts/state.js";

test("a link gives back the state it was made from", () => {
  const state = { ...DEFAULTS, ex: 11, tab: "matrix", tok: [6, 8], g: "word", s: 1.5, x: true, b: 3, c: "green-purple" };
  assert.equal(formatHash(state), "ex=12&tab=matrix&tok=7-9&g=word&c=green-purple&s=1.5&x=1&b=4");
  assert.deepEqual(parseHash("#" + formatHash(state)), state);
});

test("ranges of inputs, the matrix of a comparison and spans are in the link", () => {
  const sp = { 0: [{ side: "target", from: 0, to: 4, name: "50% & more" }], 2: [] };
  const state = { ...DEFAULTS, tab: "compare", cm: "difference", row: [1, 3], g: "span", sp };
  assert.equal(formatHash(state), "tab=compare&row=2-4&g=span&cm=difference&sp=1t1-4~50%25%20%26%20more!3");
  assert.deepEqual(parseHash("#" + formatHash(state)), state);
  assert.deepEqual(parseHash("#row=3").row, [2, 2]);
});

test("zoom and intensity keep their limits", () => {
  assert.deepEqual(parseHash("#z=9999&s=0"), { ...DEFAULTS, z: 3, s: 0.5 });
});

test("the default state needs no link", () => assert.equal(formatHash(DEFAULTS), ""));

test("senseless parts of a link are ignored", () => {
  const allowed = { tab: ["read"], g: ["token"], cm: ["text"], examples: 3 };
  for (const hash of ["#tab=<script>", "#g=x", "#ex=-5", "#ex=abc", "#tok=0", "#tok=x-y", "#nothing=1", "#row=0", "#cm=z", "#sp=~!~", "#ex=", "#ex=4", "#b=4", "#%%%"]) {
    assert.deepEqual(parseHash(hash, DEFAULTS, allowed), DEFAULTS, hash);
  }
});
