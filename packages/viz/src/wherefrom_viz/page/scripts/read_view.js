// Running text. Hover an output token to preview what it came from, click to pin, shift-click for a span;
// hover or click an input to see which outputs it drove.

import { direction, fenced, h } from "./dom.js";
import { short, signed } from "./numbers.js";
import { columnScores, joinedText, largest, ranked, rowScores, strongest } from "./units.js";

export class ReadView {
  constructor(app) {
    this.app = app;
    this.tokens = [];
    this.root = h("div.read");
  }

  render() {
    const { view } = this.app;
    this.tokens = [];
    const text = h("div.texts");
    for (const side of view.sides) {
      const prompt = side.units.filter((unit) => !unit.output);
      const output = side.units.filter((unit) => unit.output);
      // a start token alone is no prompt: it stands before the output
      const lonely = side.name === "target" && prompt.every((unit) => unit.special);
      if (prompt.length && !lonely) text.append(this.block(side.name === "source" ? side.title : "Prompt", prompt, "inputs"));
      if (output.length) text.append(this.block("Output", lonely ? [...prompt, ...output] : output, "outputs"));
    }
    this.card = h("aside.card", { "aria-label": "Strongest" });
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
      "aria-multiselectable": "true",
      onkeydown: (event) => this.key(event, kind),
      onmouseleave: () => this.app.preview(null),
    });
    for (const unit of units) {
      // turns, documents and template slots are named where they begin
      const segment = this.app.example.segments.find(([side, start]) => side === unit.side && start === unit.start);
      if (segment) flow.append(h("span.segment", { "aria-hidden": "true" }, `${segment[3]}: ${segment[4]}`));
      if (unit.spaced && flow.childNodes.length) flow.append(" ");
      const element = h(
        "span",
        { class: `tok${unit.special ? " special" : ""}${unit.drawn ? " drawn" : ""}`, role: "option", id: `${this.app.id}-t${this.tokens.length}`, "aria-selected": "false", onmouseenter: () => this.app.preview(this.aim(unit)), onclick: (event) => this.pin(unit, event.shiftKey) },
        unit.drawn?.name && h("span.tag", fenced(unit.drawn.name)),
        fenced(unit.text || "∅"),
      );
      this.tokens.push({ element, unit, kind });
      flow.append(element);
      if (unit.breaks) flow.append("\n");
    }
    return h("section.block", h("h2", { id }, title), flow);
  }

  aim(unit) {
    if (unit.col >= 0) return { span: [unit.col, unit.col] };
    return unit.row >= 0 ? { rows: [unit.row, unit.row] } : null;
  }

  pin(unit, extend) {
    if (unit.col >= 0) this.app.pinLine({ col: unit.col }, extend);
    else if (unit.row >= 0) this.app.pinLine({ row: unit.row }, extend);
  }

  /** Arrow keys inside the prompt move over inputs; those inside the output are the page's own keys. */
  key(event, kind) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (kind !== "inputs" || !by) return;
    const rows = this.tokens.filter((token) => event.currentTarget.contains(token.element) && token.unit.row >= 0).map((token) => token.unit.row);
    if (rows.length) this.app.step(by, event.shiftKey, "row", rows[0], rows[rows.length - 1]);
    event.preventDefault();
    event.stopPropagation();
  }

  /** Colours and card for what is pinned or previewed. */
  paint() {
    const { app } = this;
    const { view, painter } = app;
    const { span, rows } = app.active();
    const range = rows ?? span;
    const { scores, visible } = rows ? rowScores(view, ...rows) : columnScores(view, ...(span ?? [0, view.columns - 1]));
    const single = range && range[0] === range[1];
    const bound = single ? app.bound(rows ? null : span[0]) : largest(scores);
    for (const { element, unit } of this.tokens) {
      const [own, other] = rows ? [unit.row, unit.col] : [unit.col, unit.row];
      const picked = Boolean(range && own >= range[0] && own <= range[1]);
      painter.paint(element, visible[other] ? scores[other] / bound : 0);
      element.classList.toggle("picked", picked);
      element.setAttribute("aria-selected", picked ? "true" : "false");
      if (picked) element.parentElement.setAttribute("aria-activedescendant", element.id);
    }
    this.card.replaceChildren(...this.cardLines(span, rows));
  }

  cardLines(span, rows) {
    const { app } = this;
    const { view, words } = app;
    const lines = [];
    let title;
    let entries;
    if (rows) {
      title = [h("span.quiet", "Input "), fenced(joinedText(view.inputs.slice(rows[0], rows[1] + 1))), h("span.quiet", " drove")];
      entries = ranked(rowScores(view, ...rows));
    } else {
      const [from, to] = span ?? [0, view.columns - 1];
      title = span
        ? [fenced(joinedText(view.cols.slice(from, to + 1))), h("span.quiet", " comes from")]
        : [h("span.quiet", "All outputs together come from")];
      entries = strongest(view, from, to);
      if (span && from === to) {
        const facts = Object.entries(view.stepScores).map(([name, values]) => h("span", `${name} ${short(values[from])}`));
        if (facts.length) lines.push(h("p.facts", facts));
      }
    }
    const [from, to] = rows ?? span ?? [0, 0];
    if (to > from) lines.push(h("p.facts", "scores summed over the span"));
    const most = entries.length ? Math.abs(entries[0].score) : 1;
    const list = h(
      "ol",
      entries.map(({ at, score }) => {
        const bar = h("span.fill");
        bar.style.width = `${Math.max(2, (Math.abs(score) / most) * 100)}%`;
        const rgb = this.app.painter.background((score / most) * 0.75);
        if (rgb) bar.style.backgroundColor = `rgb(${rgb.join(", ")})`;
        return h("li", h("span.name", fenced((rows ? view.cols : view.inputs)[at].label)), h("span.value", signed(score, words.signed)), h("span.track", bar));
      }),
    );
    const hint = span || rows ? null : h("p.quiet", "Point at a token to see where it comes from; click to keep it, shift-click for a span.");
    const pinned = app.state.tok || app.state.row ? h("button.unit", { onclick: () => app.addSpan() }, "Make it a unit") : null;
    return [h("h2", ...title), ...lines, entries.length ? list : h("p", "No input has a score here."), hint, pinned].filter(Boolean);
  }
}
