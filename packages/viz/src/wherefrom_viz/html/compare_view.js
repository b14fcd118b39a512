// Two examples of one text: A, B and A - B for the chosen output, and the agreement of every output.

import { compareViews } from "./align.js";
import { direction, fenced, h } from "./dom.js";
import { signed } from "./numbers.js";
import { buildView, strongest } from "./units.js";

export class CompareView {
  constructor(app) {
    this.app = app;
    this.root = h("div", { class: "compare" });
  }

  async render() {
    const { app } = this;
    const drawing = (this.drawing = {});
    if (app.meta.n < 2) {
      this.root.replaceChildren(h("p", { class: "quiet" }, "There is one example only. Put two results into one page to compare them."));
      return;
    }
    const other = app.partner();
    const chooser = h("label", { class: "choice" }, h("span", {}, "B"), this.chooser(other));
    const example = await app.store.example(other);
    if (drawing !== this.drawing) return;
    const view = buildView(example, app.viewOptions("none"));
    this.pair = compareViews(buildView(app.example, app.viewOptions("none")), view);
    const names = h(
      "p",
      { class: "names" },
      h("strong", {}, "A "),
      app.label(app.state.ex),
      " ",
      chooser,
      example.subtitle && example.subtitle !== app.example.subtitle ? ` ${example.subtitle}` : null,
    );
    if (!this.pair) {
      this.root.replaceChildren(names, h("p", {}, "A and B have no token in common: they are not of the same text."));
      return;
    }
    const known = this.pair.agreement.filter(Number.isFinite);
    const mean = known.length ? (known.reduce((a, b) => a + b, 0) / known.length).toFixed(2) : "n/a";
    this.flows = { a: this.flow("A"), b: this.flow("B"), difference: this.flow("A − B") };
    this.root.replaceChildren(
      names,
      h("p", { class: "agreement" }, `Rank agreement ${mean}: mean over outputs; 1 is the same order, 0 unrelated. Scores are shares of each output's total.`),
      this.table(),
      ...Object.values(this.flows).map((flow) => flow.section),
    );
    this.show(Math.min(app.state.tok?.[0] ?? 0, this.pair.a.columns - 1));
  }

  chooser(other) {
    const { app } = this;
    const nearby = app.nearby(other);
    return h(
      "select",
      { "aria-label": "Compare with", onchange: (event) => app.update({ b: Number(event.target.value) }) },
      nearby.map((index) => h("option", { value: String(index), selected: index === other }, app.label(index))),
    );
  }

  table() {
    const { a, b, agreement } = this.pair;
    const chips = (view, c) =>
      strongest(view, c, c, 3).map(({ row, score }) => {
        const chip = h("span", { class: "chip" }, fenced(view.inputs[row].text || "∅"), ` ${signed(score, this.app.words.signed)}`);
        this.app.painter.paint(chip, score / view.bound);
        return chip;
      });
    this.lines = a.cols.map((col, c) =>
      h(
        "tr",
        { onmouseenter: () => this.show(c) },
        h("th", { scope: "row" }, h("button", { class: "token", onclick: () => this.show(c), onfocus: () => this.show(c) }, fenced(col.text || "∅"))),
        h("td", { class: "number" }, Number.isFinite(agreement[c]) ? agreement[c].toFixed(2) : "n/a"),
        h("td", { class: "chips" }, chips(a, c)),
        h("td", { class: "chips" }, chips(b, c)),
      ),
    );
    const head = ["output", "agreement", "A: strongest", "B: strongest"].map((name) => h("th", { scope: "col" }, name));
    return h(
      "div",
      { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Table of agreement" },
      h("table", {}, h("caption", {}, "Agreement of A and B"), h("thead", {}, h("tr", {}, head)), h("tbody", {}, this.lines)),
    );
  }

  flow(name) {
    const text = h("p", { class: "flow", dir: direction(this.pair.a.inputs) });
    return { text, section: h("section", { class: "block" }, h("h2", {}, name), text) };
  }

  /** The texts of A, B and the difference for one output. */
  show(c) {
    this.lines.forEach((line, i) => line.classList.toggle("picked", i === c));
    for (const [name, { text }] of Object.entries(this.flows)) {
      const view = this.pair[name];
      const parts = [];
      view.inputs.forEach((unit, r) => {
        if (!view.visible[r * view.columns + c]) return;
        if (unit.spaced && parts.length) parts.push(" ");
        const element = h("span", { class: "tok" }, fenced(unit.text || "∅"));
        this.app.painter.paint(element, view.scores[r * view.columns + c] / view.bound);
        parts.push(element);
      });
      text.replaceChildren(...parts);
    }
  }

  paint() {}
}
