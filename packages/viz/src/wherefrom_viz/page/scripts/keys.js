// What keys do on the whole page, and the dialog that says so. Views have keys of their own while they have the focus.

import { h, rowHead } from "./dom.js";
import { LIMITS, MATRICES, THEMES, UNPINNED, within } from "./state.js";
import { LEVELS, NORMALIZATIONS } from "./units.js";

const HELP = [
  ["← →", "previous, next output token (shift: widen the span)"],
  ["↑ ↓ or k j", "previous, next example"],
  ["Enter", "pin the token under the cursor, in a matrix the output"],
  ["Esc", "close a menu, else unpin"],
  ["1 2 3 4", "the tabs: Read, Matrix, Steps, and Compare or Citations"],
  ["g", "granularity: token, word, sentence, turn, own spans"],
  ["s", "make what is pinned a span of your own"],
  ["n", "normalisation"],
  ["c", "colours"],
  ["[ ]", "colour intensity"],
  ["m", "comparison: texts, matrix A, B, A − B"],
  ["Tab, then arrows", "move in the prompt, or over the cells of a matrix (shift: widen what is pinned)"],
  ["i", "in a matrix: pin the input"],
  ["h", "hide or show special and template tokens"],
  ["w", "monospaced text"],
  ["x", "transpose the matrix"],
  ["+ -", "zoom the matrix"],
  ["/", "search the examples"],
  ["l", "show or hide their list"],
  ["e", "export"],
  ["t", "theme"],
  ["?", "this help"],
];

export function helpDialog() {
  const rows = HELP.map(([keys, what]) => h("tr", rowHead(keys), h("td", what)));
  const dialog = h("dialog", { "aria-label": "Help" }, h("h2", "Keys"), h("table", h("tbody", rows)), h("button", { onclick: () => dialog.close() }, "Close"));
  return dialog;
}

/** A key was pressed somewhere on the page. */
export function pressed(app, event) {
  const target = event.composedPath()[0];
  const typing = /^(SELECT|TEXTAREA)$/.test(target.tagName ?? "") || target.matches?.("input:not([type=radio], [type=checkbox], [type=range])");
  if (event.ctrlKey || event.metaKey || event.altKey || app.help.open) return;
  if (event.key === "Escape" && app.controls.close()) return event.preventDefault();
  if (event.key === "Escape" && typing) return target.blur();
  if (!app.example && !/^(ArrowUp|ArrowDown|[jkl/?])$/.test(event.key)) return; // what cannot be read can only be left
  if (typing || (target.tagName === "INPUT" && event.key.startsWith("Arrow"))) return;
  const act = actions(app)[event.key];
  if (!act || (event.key === "Enter" && /^(BUTTON|SUMMARY|A)$/.test(target.tagName))) return;
  event.preventDefault();
  act(event);
}

function actions(app) {
  const { state } = app;
  const turn = (by) => () => app.go(app.list.neighbour(state.ex, by));
  const scaled = (key, factor) => () => app.update({ [key]: within(state[key] * factor, ...LIMITS[key]) });
  const tab = (name) => () => app.update({ tab: name });
  return {
    ArrowRight: (event) => app.step(1, event.shiftKey),
    ArrowLeft: (event) => app.step(-1, event.shiftKey),
    ArrowDown: turn(1),
    ArrowUp: turn(-1),
    j: turn(1),
    k: turn(-1),
    Enter: () => app.seen && app.update({ tok: app.seen.span ?? null, row: app.seen.rows ?? null }),
    Escape: () => app.controls.close() || app.update(UNPINNED),
    1: tab("read"),
    2: tab("matrix"),
    3: tab("steps"),
    4: () => app.tabNames[3] && app.update({ tab: app.tabNames[3] }),
    g: () => app.cycle("g", LEVELS),
    n: () => app.cycle("n", NORMALIZATIONS),
    c: () => app.cycle("c", Object.keys(app.meta.palettes)),
    t: () => app.cycle("t", THEMES),
    m: () => (state.tab === "compare" ? app.cycle("cm", Object.keys(MATRICES)) : app.tabNames.includes("compare") && app.update({ tab: "compare" })),
    s: () => app.addSpan(),
    x: () => app.update({ x: !state.x }),
    h: () => app.choose("h", !state.h),
    w: () => app.update({ mono: !state.mono }),
    "[": scaled("s", 1 / 1.25),
    "]": scaled("s", 1.25),
    "+": scaled("z", 1.25),
    "-": scaled("z", 1 / 1.25),
    l: () => app.fold(),
    "/": () => app.meta.n > 1 && (app.root.classList.remove("folded"), app.list.search.focus()),
    e: () => app.controls.toggleExports(),
    "?": () => app.help.showModal(),
  };
}
