// The controls above a view: units and normalisation, and the menus of display and export.

import { choice, h, keepingFocus } from "./dom.js";
import { exported } from "./saving.js";
import { LEVEL_WORDS, LIMITS, MERGE_WORDS, NORMALIZE_WORDS, SCALES, THEMES } from "./state.js";
import { LEVELS, MERGES, NORMALIZATIONS } from "./units.js";

const FILES = { svg: "SVG", png: "PNG", md: "Markdown", tsv: "TSV", json: "JSON", link: "Copy link" };

export class Controls {
  constructor(app) {
    this.app = app;
    this.root = h("div.controls");
  }

  render() {
    const { app, root } = this;
    const { state } = app;
    const open = [...root.querySelectorAll("details[open]")].map((details) => details.className);
    const keyed = (key, element) => {
      (element.querySelector("select, input") ?? element).setAttribute("data-key", key);
      return element;
    };
    const chosen = (key, label, values, words = {}) => {
      const options = Array.isArray(values) ? Object.fromEntries(values.map((value) => [value, words[value] ?? value])) : values;
      return keyed(key, choice(label, options, state[key], (value) => app.choose(key, value)));
    };
    const field = (key, label, attributes, value) => keyed(key, h("label.choice", h("span", label), h("input", { ...attributes, onchange: (event) => app.choose(key, value(event.target)) })));
    const toggle = (key, label, checked) => field(key, label, { type: "checkbox", checked }, (input) => input.checked);
    const [min, max] = LIMITS.s;
    const menu = (name, content) => h(`details.${name.toLowerCase()}`, { ontoggle: (event) => this.opened(event.target) }, h("summary", name), h("div.menu", content));
    const display = [
      chosen("m", "Merge by", MERGES, MERGE_WORDS),
      chosen("sc", "Scale", SCALES),
      chosen("c", "Colours", Object.keys(app.meta.palettes)),
      field("s", "Intensity", { type: "range", min, max, step: 0.25, value: state.s }, (input) => Number(input.value)),
      chosen("t", "Theme", THEMES),
      toggle("num", "Numbers in cells", app.views.matrix.across && app.views.matrix.numbers()),
      toggle("x", "Transpose", state.x),
      toggle("u", "Underline instead of background", state.u),
      toggle("mono", "Monospaced text", state.mono),
      toggle("h", "Hide special and template tokens", state.h),
    ];
    const files = Object.entries(FILES).map(([kind, label]) => (kind !== "link" || app.page) && h("button", { onclick: () => exported(app, kind) }, label));
    keepingFocus(root, () => root.replaceChildren(
      chosen("g", "Units", LEVELS, LEVEL_WORDS),
      chosen("n", "Normalise", NORMALIZATIONS, NORMALIZE_WORDS),
      menu("Display", display),
      menu("Export", files),
      h("button.help", { "aria-label": "Help", onclick: () => app.help.showModal() }, "?"),
    ));
    for (const name of open) root.querySelector(`details.${name}`).open = true;
  }

  /** One menu is open at a time. */
  opened(details) {
    if (details.open) for (const other of this.root.querySelectorAll("details[open]")) other.open = other === details;
  }

  /** Close menus that are not on the way of a click; says whether one was open. */
  close(path = []) {
    const open = [...this.root.querySelectorAll("details[open]")].filter((details) => !path.includes(details));
    for (const details of open) {
      if (details.contains(details.getRootNode().activeElement)) details.querySelector("summary").focus();
      details.open = false;
    }
    return open.length > 0;
  }

  toggleExports() {
    const menu = this.root.querySelector("details.export");
    menu.open = !menu.open;
    if (menu.open) menu.querySelector("button").focus();
  }
}
