// A line per output token: its step scores, and the inputs it owes most. Sortable.

import { columnHead, fenced, h, scrolling } from "./dom.js";
import { signed, stepScore } from "./numbers.js";
import { inside } from "./state.js";
import { strongest } from "./units.js";

export class StepsView {
  constructor(app) {
    this.app = app;
    this.root = h("div.steps");
    this.sort = { key: "#", down: false };
  }

  render() {
    const { app } = this;
    const { view } = app;
    const names = Object.keys(view.stepScores);
    const columns = ["#", "token", ...names];
    const head = h(
      "tr",
      columns.map((name) =>
        h(
          "th",
          { scope: "col", "aria-sort": this.sort.key === name ? (this.sort.down ? "descending" : "ascending") : "none" },
          h("button", { onclick: () => this.order(name) }, name, h("span", { "aria-hidden": "true" }, this.sort.key === name ? (this.sort.down ? " ↓" : " ↑") : "")),
        ),
      ),
      columnHead("strongest inputs"),
    );
    const lines = this.sorted().map((c) => this.line(c, names));
    const sparks = h("div.sparks", names.map((name) => spark(name, view.stepScores[name])));
    const caption = h("caption", `Step scores of ${app.example.title || "the example"}`);
    const table = h("table", caption, h("thead", head), (this.body = h("tbody", lines)));
    this.root.replaceChildren(sparks, scrolling("Table of step scores", table));
    if (!names.length) this.root.prepend(h("p.quiet", "No step scores were asked for (step_scores=[…])."));
    this.paint();
  }

  line(c, names) {
    const { app } = this;
    const { view } = app;
    const pick = h("button.token", { onclick: (event) => app.pinLine({ col: c }, event.shiftKey) }, fenced(view.cols[c].label));
    return h(
      "tr",
      { "data-col": c },
      h("td.number", String(c + 1)),
      h("td", pick),
      names.map((name) => {
        const doubtful = name === "probability" && view.stepScores[name][c] < 0.1;
        return h("td.number", stepScore(view.stepScores[name][c]), doubtful ? h("strong", " low") : null);
      }),
      chips(app, view, c, app.bound(c)),
    );
  }

  paint() {
    const { span } = this.app.active();
    for (const row of this.body.children) {
      row.classList.toggle("picked", inside(span, row.dataset.col));
    }
  }

  order(key) {
    this.sort = { key, down: this.sort.key === key ? !this.sort.down : false };
    this.render();
  }

  sorted() {
    const { view } = this.app;
    const { key, down } = this.sort;
    const value = key === "#" ? (c) => c : key === "token" ? (c) => view.cols[c].label.toLowerCase() : (c) => view.stepScores[key]?.[c] ?? 0;
    const all = [...view.cols.keys()];
    const lost = (c) => Number.isNaN(value(c));
    const order = all.filter((c) => !lost(c)).sort((a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : a - b));
    return [...(down ? order.reverse() : order), ...all.filter(lost)]; // what is no number comes last either way
  }
}

/** The strongest inputs of an output, as the cell of a table. */
export function chips(app, view, c, bound) {
  const top = strongest(view, c, c, 3).map(({ at, score }) => {
    const chip = h("span.chip", fenced(view.inputs[at].label), ` ${signed(score, app.words.signed)}`);
    app.painter.paint(chip, score / bound);
    return chip;
  });
  return h("td.chips", top);
}

/** A small line of one step score over the output; what is no number has no place on it. */
function spark(name, values) {
  const [width, height] = [220, 36];
  const known = values.filter(Number.isFinite);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const x = (i) => (values.length > 1 ? (i / (values.length - 1)) * (width - 4) + 2 : width / 2);
  const y = (v) => height - 3 - ((v - low) / (high - low || 1)) * (height - 6);
  const says = `${name}: ${known.length ? `${stepScore(low)} to ${stepScore(high)}` : "n/a"}`;
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", says);
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  line.setAttribute("points", values.flatMap((v, i) => (Number.isFinite(v) ? `${x(i).toFixed(1)},${y(v).toFixed(1)}` : [])).join(" "));
  svg.append(line);
  return h("figure", svg, h("figcaption", says));
}
