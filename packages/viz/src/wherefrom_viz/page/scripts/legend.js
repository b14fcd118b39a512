// The legend under a view: the colours in words, what was done to the scores, and notes.

import { css, shades } from "./colour.js";
import { h } from "./dom.js";
import { rangeEnds } from "./numbers.js";
import { MERGE_WORDS, SCALES } from "./state.js";

export const LEFT_OUT = "special and template tokens left out";

/** The parts of the legend for what the page shows now. */
export function legend(app) {
  const { state, example } = app;
  const compared = comparedIn(app);
  const scenes = compared ? app.views.compare.scenes() : state.tab === "citations" ? [app.views.citations.scene] : [app];
  const last = compared
    ? compared.a.alone?.some(Boolean) && "hatched, dashed or chequered: no counterpart in the other"
    : `scale: ${SCALES[app.scaleName()]}`;
  const notes = (compared ? app.views.compare : example).notes.map((note) => h("span.note", `Note: ${note}`));
  const shown = scenes.flatMap((scene) => colours(app, scene));
  if (state.tab === "citations") return [...shown, ...notes];
  return [
    ...shown,
    h("span.quiet", [pipeline(app), last, "“·” was not visible to that output", app.view.hidden && LEFT_OUT].filter(Boolean).join(" · ")),
    ...notes,
  ];
}

const comparedIn = ({ state, views }) => state.tab === "compare" && views.compare.pair;

/** How raw scores became what is shown, in words; of two that are compared, of each where it is not the same. */
export function pipeline(app) {
  const { state } = app;
  const compared = comparedIn(app);
  const how = (example) => {
    const done = [...example.pipeline];
    if (state.g !== "token") done.push(`${MERGE_WORDS[state.m]} over ${state.g}s`);
    const words = { step: "share of each step's total", sequence: "share of the largest score" }[compared ? "step" : state.n];
    if (words && done.at(-1) !== words) done.push(words);
    return done.join(" → ") || "scores as the method gave them";
  };
  const [a, b] = (compared ? app.views.compare.examples : [app.example]).map(how);
  return { a, b }[state.cm] ?? (compared && a !== b ? `A: ${a} · B: ${b}` : a);
}

/** What the colours mean, in words. */
export function meaning(app, words) {
  const { raises, lowers } = app.meta.palettes[app.state.c];
  return words.signed ? [`${lowers} − ${words.lowers}`, `${raises} + ${words.raises} ${words.of}`] : [`stronger colour: more influence on ${words.of}`];
}

/** What the signs mean, and how the scores came about, as Python's tables tell it. */
export const told = ({ signed, raises, lowers, of }, how) => `${signed ? `+ ${raises}, - ${lowers} ${of}`.trim() : `larger: more influence on ${of}; no sign`}. ${how}`;

/** The colours of a scene with their bounds, and what they mean. */
export const colours = (app, scene) => [ramp(app, scene), ...meaning(app, scene.words).map((text) => h("span", text))];

/** The colours of a scene, between its lowest and its highest score. */
function ramp(app, scene) {
  const { signed } = scene.words;
  const strip = h("span.ramp", { "aria-hidden": "true" });
  for (const rgb of shades(app.painter, signed)) {
    const swatch = h("span");
    if (rgb) swatch.style.backgroundColor = css(rgb);
    strip.append(swatch);
  }
  const range = scene.shownRange();
  const [low, high] = rangeEnds(range, signed);
  return h("span.scale", { "data-bound": range[0] ?? "" }, scene.name && h("strong", `${scene.name} `), `${low} `, strip, ` ${high}`);
}
