// Running text. Hover an output token to preview what it came from, click to pin, shift-click for a span;
// hover or click an input to see which outputs it drove.

import { direction, fenced, h } from "./dom.js";
import { short, signed } from "./numbers.js";
import { columnScores, strongest } from "./units.js";

export class ReadView {
  constructor(app) {
    this.app = app;
    this.tokens = [];
    this.root = h("div", { class: "read" });
  }

  render() {
    const { view } = this.app;
    this.tokens = [];
    const text = h("div", { class: "texts" });
    for (const side of view.sides) {
      const prompt = side.units.filter((unit) => !unit.output);
      const output = side.units.filter((unit) => unit.output);
      // a start token alone is no prompt: it stands before the output
      const lonely = side.name === "target" && prompt.every((unit) => unit.special);
      if (prompt.length && !lonely) text.append(this.block(side.name === "source" ? side.title : "Prompt", prompt, "inputs"));
      if (output.length) text.append(this.block("Output", lonely ? [...prompt, ...output] : output, "outputs"));
    }
    this.card = h("aside", { class: "card", "aria-label": "Strongest" });
    this.root.replaceChildren(text, this.card);
    this.paint();
  }

  block(title, units, kind) {
    const id = `${this.app.id}-${kind}-${this.tokens.length}`;
    const flow = h("div", {
      class: `flow ${kind}`,
      role: "listbox",
      tabIndex: 0,
      dir: direction(units),
      "aria-labelledby": id,
      "aria-multiselectable": kind === "outputs" ? "true" : null,
      onkeydown: (event) => this.key(event, kind),
      onmouseleave: () => this.app.preview(null),
    });
    for (const unit of units) {
      // turns, documents and template slots are named where they begin
      const segment = this.app.example.segments.find(([side, start]) => side === unit.side && start === unit.start);
      if (segment) flow.append(h("span", { class: "segment", "aria-hidden": "true" }, `${segment[3]}: ${segment[4]}`));
      if (unit.spaced && flow.childNodes.length) flow.append(" ");
      const element = h(
        "span",
        { class: unit.special ? "tok special" : "tok", role: "option", id: `${this.app.id}-t${this.tokens.length}`, "aria-selected": "false" },
        fenced(unit.text || "∅"),
      );
      element.addEventListener("mouseenter", () => this.app.preview(this.aim(unit)));
      element.addEventListener("click", (event) => this.pin(unit, event.shiftKey));
      this.tokens.push({ element, unit, kind });
      flow.append(element);
      if (unit.breaks) flow.append("\n");
    }
    return h("section", { class: "block" }, h("h2", { id }, title), flow);
  }

  aim(unit) {
    if (unit.col >= 0) return { span: [unit.col, unit.col] };
    return unit.row >= 0 ? { row: unit.row } : null;
  }

  pin(unit, extend) {
    const { state } = this.app;
    if (unit.col >= 0) {
      if (extend && state.tok) return this.app.update({ tok: [Math.min(state.tok[0], unit.col), Math.max(state.tok[1], unit.col)], row: null });
      const same = state.tok && state.tok[0] === unit.col && state.tok[1] === unit.col;
      return this.app.update({ tok: same ? null : [unit.col, unit.col], row: null });
    }
    if (unit.row >= 0) return this.app.update({ row: state.row === unit.row ? null : unit.row, tok: null });
    return undefined;
  }

  /** Arrow keys inside the prompt move over inputs; those inside the output are the page's own keys. */
  key(event, kind) {
    if (kind !== "inputs" || (event.key !== "ArrowRight" && event.key !== "ArrowLeft")) return;
    const rows = this.tokens.filter((token) => token.kind === kind && event.currentTarget.contains(token.element)).map((token) => token.unit.row);
    const at = rows.indexOf(this.app.state.row);
    const next = event.key === "ArrowRight" ? Math.min(rows.length - 1, at + 1) : Math.max(0, at < 0 ? rows.length - 1 : at - 1);
    if (rows[next] >= 0) this.app.update({ row: rows[next], tok: null });
    event.preventDefault();
    event.stopPropagation();
  }

  /** Colours and card for what is pinned or previewed. */
  paint() {
    const { app } = this;
    const { view, painter } = app;
    const { span, row } = app.active();
    let strengthOf;
    if (row !== null) {
      const bound = app.bound(null);
      strengthOf = (unit) => {
        if (unit.col < 0 || !view.visible[row * view.columns + unit.col]) return 0;
        return view.scores[row * view.columns + unit.col] / bound;
      };
    } else {
      const [from, to] = span ?? [0, view.columns - 1];
      const { scores, visible } = columnScores(view, from, to);
      const bound = span && from === to ? app.bound(from) : scores.reduce((most, v) => Math.max(most, Math.abs(v)), 0) || 1;
      strengthOf = (unit) => (unit.row >= 0 && visible[unit.row] ? scores[unit.row] / bound : 0);
    }
    for (const { element, unit } of this.tokens) {
      const picked = row !== null ? unit.row === row : Boolean(span && unit.col >= span[0] && unit.col <= span[1]);
      painter.paint(element, strengthOf(unit));
      element.classList.toggle("picked", picked);
      element.setAttribute("aria-selected", picked ? "true" : "false");
      if (picked) element.parentElement.setAttribute("aria-activedescendant", element.id);
    }
    this.card.replaceChildren(...this.cardLines(span, row));
  }

  cardLines(span, row) {
    const { view, words } = this.app;
    const lines = [];
    let title;
    let entries;
    if (row !== null) {
      title = [h("span", { class: "quiet" }, "Input "), fenced(view.inputs[row].text || "∅"), h("span", { class: "quiet" }, " drove")];
      entries = [...view.cols.keys()]
        .filter((c) => view.visible[row * view.columns + c] && view.scores[row * view.columns + c] !== 0)
        .map((c) => ({ text: view.cols[c].text, score: view.scores[row * view.columns + c] }));
      entries.sort((a, b) => Math.abs(b.score) - Math.abs(a.score));
      entries = entries.slice(0, 5);
    } else {
      const [from, to] = span ?? [0, view.columns - 1];
      title = span
        ? [fenced(view.cols.slice(from, to + 1).map((col, i) => (i && col.spaced ? " " : "") + col.text).join("")), h("span", { class: "quiet" }, " comes from")]
        : [h("span", { class: "quiet" }, "All outputs together come from")];
      entries = strongest(view, from, to).map(({ row: r, score }) => ({ text: view.inputs[r].text, score }));
      if (span && from === to) {
        const facts = Object.entries(view.stepScores).map(([name, values]) => h("span", {}, `${name} ${short(values[from])}`));
        if (facts.length) lines.push(h("p", { class: "facts" }, facts));
      } else if (span) lines.push(h("p", { class: "facts" }, "scores summed over the span"));
    }
    const most = entries.length ? Math.abs(entries[0].score) : 1;
    const list = h(
      "ol",
      {},
      entries.map(({ text, score }) => {
        const bar = h("span", { class: "fill" });
        bar.style.width = `${Math.max(2, (Math.abs(score) / most) * 100)}%`;
        const rgb = this.app.painter.background((score / most) * 0.75);
        if (rgb) bar.style.backgroundColor = `rgb(${rgb.join(", ")})`;
        return h("li", {}, h("span", { class: "name" }, fenced(text || "∅")), h("span", { class: "value" }, signed(score, words.signed)), h("span", { class: "track" }, bar));
      }),
    );
    const hint = span || row !== null ? null : h("p", { class: "quiet" }, "Point at a token to see where it comes from; click to keep it, shift-click for a span.");
    return [h("h2", {}, ...title), ...lines, entries.length ? list : h("p", {}, "No input has a score here."), hint].filter(Boolean);
  }
}
