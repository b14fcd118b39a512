// Running text. Hover an output token to preview what it came from, click to pin, shift-click for a span;
// hover or click an input to see which outputs it drove.

import { cueLines, cueOf, Documents } from "./context_parts.js";
import { css } from "./colour.js";
import { answered, direction, fenced, flowOn, h, running } from "./dom.js";
import { HeatStrip } from "./heat_strip.js";
import { signed, stepScore } from "./numbers.js";
import { inside } from "./state.js";
import { columnScores, fading, joinedText, ranked, rowScores, strongest } from "./units.js";

const HINTS = {
  mouse: "Point at a token to see where it comes from; click to keep it, shift-click for a span.",
  touch: "Tap a token to see where it comes from.",
};
const touched = () => Boolean(window.matchMedia?.("(pointer: coarse)").matches);
const LONG = 90; // inputs from which prompt and output have panes of their own

export class ReadView {
  constructor(app) {
    this.app = app;
    this.tokens = [];
    this.blank = h("bdi", { role: "option", "aria-selected": "false" });
    this.root = h("div.read");
  }

  render() {
    const { view } = this.app;
    this.tokens = [];
    this.units = new WeakMap(); // element -> its unit
    const panes = { in: h("div.pane.in"), out: h("div.pane.out") };
    for (const side of view.sides) {
      const prompt = side.units.filter((unit) => !unit.output);
      const output = side.units.filter((unit) => unit.output);
      // a start token alone is no prompt: it stands before the output
      const lonely = side.name === "target" && prompt.every((unit) => unit.special);
      if (prompt.length && !lonely) panes.in.append(this.block(side.name === "source" ? side.title : "Prompt", prompt, "inputs"));
      if (output.length) panes.out.append(this.block("Output", lonely ? [...prompt, ...output] : output, "outputs"));
    }
    this.strip = new HeatStrip(panes.in);
    const text = h("div.texts", h("div.framed", panes.in, this.strip.root), panes.out);
    this.root.classList.toggle("long", this.tokens.length > LONG);
    this.card = h("div.strongest");
    this.documents = this.app.meta.context ? new Documents(this.app) : null;
    this.root.replaceChildren(text, h("aside.card", { "aria-label": "Strongest" }, this.card, this.documents?.root));
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
      onclick: (event) => this.held(event, (unit) => this.pin(unit, event.shiftKey)),
      onmouseleave: () => this.app.preview(null),
    });
    flow.addEventListener("mouseenter", (event) => this.held(event, (unit) => this.app.preview(this.aim(unit))), true);
    for (const unit of units) {
      // turns, documents and template slots are named where they begin
      const segment = this.app.example.segments.find(([side, start]) => side === unit.side && start === unit.start);
      const hidden = kind === "inputs" && unit.template && this.app.view.hidden;
      if (segment && !(hidden && segment[3] === "template")) flow.append(h("span.segment", { "aria-hidden": "true" }, named(segment)));
      if (hidden) continue;
      if (unit.part) this.stripe(flow, unit, kind);
      else flowOn(flow, unit, this.token(unit, kind, `tok${unit.special ? " special" : ""}${unit.drawn ? " drawn" : ""}${cueOf(this.app, unit) ? " cue" : ""}`, [...(unit.drawn?.name ? [h("span.tag", fenced(unit.drawn.name))] : []), ...running(unit.text || "∅")]));
    }
    return h("section.block", h("h2", { id }, title), flow);
  }

  /** The element of a unit. */
  token(unit, kind, name, content) {
    const element = this.blank.cloneNode(); // cheaper than building each of thousands
    element.className = name;
    element.append(...content);
    this.units.set(element, unit);
    this.tokens.push({ element, unit, kind, picked: false });
    return element;
  }

  /** Do something with the unit that an event is about. The text listens for all of its tokens: there may be thousands. */
  held(event, act) {
    const unit = this.units.get(event.type === "click" ? event.target.closest(".tok") : event.target);
    if (unit) act(unit);
  }

  /** A token that is a part of a character: all of them stand as stripes under the one character. */
  stripe(flow, unit, kind) {
    const { glyph, at, of } = unit.part;
    if (!at) {
      this.stripes = h("span.stripes", { role: "presentation" });
      flowOn(flow, unit, h("span.char", { role: "presentation" }, h("span.glyph", { "aria-hidden": "true" }, fenced(glyph)), this.stripes));
    }
    const says = `${glyph} byte ${at + 1} of ${of}`;
    const stripe = this.token(unit, kind, "tok stripe", []);
    stripe.title = says;
    stripe.setAttribute("aria-label", says);
    this.stripes.append(stripe);
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
    answered(event);
  }

  /** Colours and card for what is pinned or previewed. */
  paint() {
    const { app } = this;
    const { view, painter } = app;
    const { span, rows } = app.active();
    const range = rows ?? span;
    const { scores, visible } = rows ? rowScores(view, ...rows) : columnScores(view, ...(span ?? [0, view.columns - 1]));
    const [bound] = app.shownRange();
    const strength = (at) => (visible[at] ? (scores[at] / bound) * (rows ? fading(view, at) : 1) : 0);
    for (const token of this.tokens) {
      const { element, unit } = token;
      const [own, other] = rows ? [unit.row, unit.col] : [unit.col, unit.row];
      const picked = inside(range, own);
      painter.paint(element, strength(other));
      if (picked) element.closest("[role=listbox]").setAttribute("aria-activedescendant", (element.id ||= `${app.id}-${unit.side}${unit.start}`));
      if (picked === token.picked) continue;
      token.picked = picked;
      element.classList.toggle("picked", picked);
      element.setAttribute("aria-selected", picked);
    }
    this.card.replaceChildren(...this.cardLines(span, rows));
    this.documents?.paint(span, (at) => this.find(at, null));
    this.strip.paint(this.tokens, (unit) => {
      const other = rows ? unit.col : unit.row;
      return other >= 0 ? strength(other) : 0;
    }, painter);
    app.drawLegend();
  }

  /** Bring what is pinned into sight, and in a long prompt the input it owes most. */
  reveal() {
    const { span, rows } = this.app.active();
    const range = rows ?? span;
    if (!range) return;
    const picked = this.tokens.find(({ unit }) => (rows ? unit.row : unit.col) === range[0]);
    if (picked) this.show(picked.element);
    if (!span || !this.root.classList.contains("long")) return;
    const [top] = strongest(this.app.view, span[0], span[1], 1);
    const strong = top && this.tokens.find(({ unit }) => unit.row === top.at);
    if (strong) this.show(strong.element, false);
  }

  /** Scroll an element's pane, and the page if need be, until it is in sight. */
  show(element, page = true) {
    const pane = element.closest(".pane");
    const [inner, outer] = [element.getBoundingClientRect(), pane.getBoundingClientRect()];
    if (inner.top < outer.top || inner.bottom > outer.bottom) pane.scrollTop += inner.top - outer.top - pane.clientHeight / 2;
    if (page) element.scrollIntoView({ block: "nearest" });
  }

  /** Show where an entry of the card stands. */
  find(at, rows) {
    const found = this.tokens.find(({ unit }) => (rows ? unit.col : unit.row) === at);
    if (!found) return;
    for (const { element } of this.tokens) element.classList.remove("found");
    this.show(found.element);
    found.element.classList.add("found");
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
        const facts = Object.entries(view.stepScores).map(([name, values]) => h("span", `${name} ${stepScore(values[from])}`));
        if (facts.length) lines.push(h("p.facts", facts));
      }
      lines.push(...cueLines(app, span));
    }
    const [from, to] = rows ?? span ?? [0, 0];
    const count = rows || span ? to - from + 1 : view.columns;
    if (count > 1) lines.push(h("p.facts", `sum over ${count} ${rows ? "inputs" : "outputs"}`));
    const most = entries.length ? Math.abs(entries[0].score) : 1;
    const list = h(
      "ol",
      entries.map(({ at, score }) => {
        const bar = h("span.fill");
        bar.style.width = `${Math.max(2, (Math.abs(score) / most) * 100)}%`;
        const rgb = this.app.painter.background((score / most) * 0.75);
        if (rgb) bar.style.backgroundColor = css(rgb);
        return h("li", h("button.name", { title: "show it in the text", onclick: () => this.find(at, rows) }, fenced((rows ? view.cols : view.inputs)[at].label)), h("span.value", signed(score, words.signed)), h("span.track", bar));
      }),
    );
    const hint = span || rows ? null : h("p.quiet", HINTS[touched() ? "touch" : "mouse"]);
    const pinned = app.state.tok || app.state.row ? h("button.unit", { onclick: () => app.addSpan() }, "Make it a unit") : null;
    const wider = pinned && touched() ? h("button.wider", { "aria-pressed": String(Boolean(app.widening)), onclick: () => app.widen() }, "Widen: tap its other end") : null;
    return [h("h2", ...title), ...lines, entries.length ? list : h("p", "No input has a score here."), hint, pinned, wider].filter(Boolean);
  }
}

/** What a stretch of the text is called: turns by their role alone, others with their kind where the label does not say it. */
const named = ([, , , kind, label]) => (kind === "turn" || kind === label ? label : `${kind}: ${label}`);
