// Two examples of one text: the agreement of every output, and A, B and A - B as texts or as a matrix.

import { choices, columnHead, direction, fenced, flowOn, h, keepingFocus, rowHead, running, scrolling, wrong } from "./dom.js";
import { colours } from "./legend.js";
import { MatrixView } from "./matrix_view.js";
import { cellNumber } from "./numbers.js";
import { compareViews, pairOf } from "./pairing.js";
import { MATRICES } from "./state.js";
import { chips } from "./steps_view.js";
import { columnScores, counted, fading, joinedText } from "./units.js";

const NAMES = { a: "A", b: "B", difference: "A − B" };

export class CompareView {
  constructor(app) {
    this.app = app;
    this.root = h("div.compare");
  }

  async render() {
    const { app } = this;
    const drawing = (this.drawing = {});
    this.pair = null;
    const other = app.partner();
    const pair = app.pairs && other !== null && pairOf(app.pairs, app.state.ex, other);
    if (!pair) {
      const text = !app.pairs ? "Loading …" : "No other example on this page has a token in common with this one. Put two results of one text into one page to compare them.";
      this.root.replaceChildren(h("p.quiet", text));
      return;
    }
    let example;
    try {
      example = await app.store.example(other);
    } catch (error) {
      if (drawing === this.drawing) this.root.replaceChildren(wrong(error));
      return;
    }
    if (drawing !== this.drawing) return;
    const drawn = Boolean(app.state.sp[app.state.ex] || app.state.sp[other]);
    this.pair = compareViews(app.example, example, pair, { ...app.viewOptions("none"), spans: app.spans(), others: app.spans(other, example), drawn });
    this.examples = [app.example, example];
    this.notes = [...new Set(this.examples.flatMap((one) => one.notes))];
    const titles = [app.state.ex, other].map((index) => app.label(index));
    const methods = this.examples.map((one) => app.methodOf(one));
    this.written = { titles, methods };
    this.names = namesOf(titles, methods.map((method) => method.split(" · ")));
    this.words = { a: app.words, b: app.wordsOf(example), difference: DIFFERENCE };
    keepingFocus(this.root, () => this.root.replaceChildren(...this.parts(other)));
    if (this.pair) this.paint();
  }

  parts(other) {
    const { app } = this;
    const names = h(
      "p.names",
      h("strong", "A "),
      fenced(this.names.a),
      " ",
      h("label.choice", h("strong", "B"), this.chooser(other)),
      " ",
      fenced(this.names.own),
    );
    const known = (this.pair.agreement ?? []).filter(Number.isFinite);
    const mean = known.length ? twoPlaces(known.reduce((a, b) => a + b, 0) / known.length) : "n/a";
    const agrees = this.pair.agreement ? `Rank agreement ${mean}: mean over outputs; 1 is the same order, 0 unrelated.` : "The rank agreement is known for units of Python's making only, merged as the page was made.";
    const agreement = h("p.agreement", agrees, " Scores are shares of each output's total.");
    const mode = choices("Show", MATRICES, app.state.cm, `${app.id}-cm`, (cm) => app.update({ cm }));
    const before = this.matrix;
    this.matrix = this.flows = this.lines = null;
    if (app.state.cm !== "text") {
      this.matrix = before ?? new MatrixView(app);
      this.matrix.scene = this.scene(app.state.cm);
      this.matrix.render();
      return [names, agreement, mode, this.matrix.root];
    }
    this.flows = { a: this.flow("a"), b: this.flow("b"), difference: this.flow("difference") };
    this.chosen = h("p.chosen", { role: "status" });
    return [names, agreement, mode, this.table(), this.chosen, ...Object.values(this.flows).map((flow) => flow.section)];
  }

  /** A, B or A - B as what the matrix, the legend and the exports draw. */
  scene(name) {
    const view = this.pair[name];
    const { [name]: one, a, b, shared } = this.names;
    const title = one ? `${NAMES[name]}, ${one}` : `A − B of ${a} and ${b}`;
    return { name: NAMES[name], view, words: this.words[name], title, subtitle: shared, bound: (c) => view.bound / fading(view, c), shownRange: () => [view.bound, counted(view)], active: () => this.active(), pinLine: (line, extend) => this.pinLine(line, extend) };
  }

  /** What the legend explains: a matrix; texts have theirs beside them. */
  scenes() {
    if (!this.pair) return [];
    return this.app.state.cm === "text" ? [] : [this.scene(this.app.state.cm)];
  }

  /** What an export writes. */
  shown() {
    return this.pair && this.scene(this.app.state.cm === "text" ? "difference" : this.app.state.cm);
  }

  /** What is pinned or previewed, in the common units: the page's state counts the units of A. */
  active() {
    const { span, rows } = this.app.active();
    const { view } = this.app;
    const pair = this.pair ?? { rows: [], columns: [] };
    const within = (places, units, range) => {
      if (!range) return null;
      const [first, last] = [units[range[0]], units[range[1]]];
      const found = [...places.keys()].filter((at) => places[at] && places[at].side === first.side && places[at].from < last.end && places[at].to > first.start);
      return found.length ? [found[0], found.at(-1)] : null;
    };
    return { span: within(pair.columns, view.cols, span), rows: within(pair.rows, view.inputs, rows) };
  }

  /** The units of A under a row or column of the comparison, or null. */
  own(line) {
    const { view } = this.app;
    const [units, place] = line.row !== undefined ? [view.inputs, this.pair?.rows[line.row]] : [view.cols, this.pair?.columns[line.col]];
    const found = place ? [...units.keys()].filter((at) => units[at].side === place.side && units[at].start < place.to && units[at].end > place.from) : [];
    return found.length ? [found[0], found.at(-1)] : null;
  }

  pinLine(line, extend) {
    const own = this.own(line);
    return own && this.app.pin(line.row !== undefined ? "row" : "tok", own, extend);
  }

  preview(c) {
    const own = this.own({ col: c });
    if (own) this.app.preview({ span: own });
  }

  chooser(other) {
    const { app } = this;
    return h(
      "select",
      { "aria-label": "Compare with", "data-key": "b", onchange: (event) => app.update({ b: Number(event.target.value) }) },
      app.partners().map((index) => h("option", { value: String(index), selected: index === other }, app.label(index))),
    );
  }

  table() {
    const { a, b, agreement } = this.pair;
    this.lines = a.cols.map((col, c) =>
      h(
        "tr",
        { onmouseenter: () => this.preview(c) },
        rowHead(h("button.token", { "data-key": `c${c}`, onclick: (event) => this.pinLine({ col: c }, event.shiftKey), onfocus: () => this.preview(c) }, fenced(col.label))),
        h("td.number", col.only ? `only in ${col.only}` : agreement && Number.isFinite(agreement[c]) ? twoPlaces(agreement[c]) : "n/a"),
        [a, b].map((view) => chips(this.app, view, c, view.bound / fading(view, c))),
      ),
    );
    const head = ["output", "agreement", "A: strongest", "B: strongest"].map((name) => columnHead(name));
    return h("div.agree", scrolling("Table of agreement", h("table", h("caption", "Agreement of A and B"), h("thead", h("tr", head)), h("tbody", this.lines))));
  }

  /** A text with its own legend: A and B can be of different kinds, and their difference has another scale. */
  flow(name) {
    const text = h("p.flow", { dir: direction(this.pair.a.inputs) });
    return { text, section: h("section.block", h("h2", NAMES[name]), h("p.facts", colours(this.app, { ...this.scene(name), name: "" })), text) };
  }

  paint() {
    if (!this.pair) return; // another one is on its way
    if (this.matrix) this.matrix.paint();
    else this.paintFlows();
  }

  /** The texts of A, B and the difference for the chosen output. */
  paintFlows() {
    const matched = Math.max(0, this.pair.a.cols.findIndex((col) => !col.only));
    const [from, to] = this.active().span ?? [matched, matched];
    this.lines.forEach((line, i) => line.classList.toggle("picked", i >= from && i <= to));
    this.chosen.replaceChildren("Where ", h("strong", fenced(joinedText(this.pair.a.cols.slice(from, to + 1)))), " comes from:");
    for (const [name, { text }] of Object.entries(this.flows)) {
      const view = this.pair[name];
      const { scores, visible } = columnScores(view, from, to);
      text.replaceChildren();
      view.inputs.forEach((unit, r) => {
        // a loner stands in the text it is of, without a score
        if (!visible[r] || (unit.only && !unit.only.includes(NAMES[name]))) return;
        const element = h("bdi", { class: `tok${unit.only ? " alone" : ""}${unit.special ? " special" : ""}` }, running(unit.text || (unit.part ? "·" : "∅")));
        if (!unit.only) this.app.painter.paint(element, (scores[r] / view.bound) * fading(view, from, to));
        flowOn(text, unit, element);
      });
    }
  }
}

/** What to call two examples: by their labels and by what else tells them apart, such as their methods; and what they share. */
function namesOf([a, b], [ofA, ofB]) {
  const own = (label, parts, others) => parts.filter((part) => !others.includes(part) && !label.includes(part)).join(" · ");
  const [onlyA, onlyB] = [own(a, ofA, ofB), own(b, ofB, ofA)];
  const named = (label, more) => (more ? `${label} · ${more}` : label);
  return { a: named(a, onlyA), b: named(b, onlyB), own: onlyB, shared: ofA.filter((part) => ofB.includes(part)).join(" · ") };
}

const twoPlaces = (value) => cellNumber(value, 1) || "0.00";

const DIFFERENCE = { raises: "more in A", lowers: "more in B", of: "", signed: true, says: ["counts more in A than in B for", "counts more in B than in A for", "counts the same in A and B for"] };
