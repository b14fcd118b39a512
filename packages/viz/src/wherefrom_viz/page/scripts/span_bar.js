// The reader's own spans: a field for the name of each, a button to remove it, and one to make what is pinned a span.

import { fenced, h, keepingFocus } from "./dom.js";
import { joined, joinedText } from "./units.js";

const key = ({ side, from }) => `${side[0]}${from}`;

export class SpanBar {
  constructor(app) {
    this.app = app;
    this.root = h("div.spans", { role: "group", "aria-label": "Own spans" });
  }

  /** There while it is of use: with spans, or with own spans as units. */
  render() {
    const { app } = this;
    const spans = app.spans();
    this.root.hidden = !spans.length && app.state.g !== "span";
    this.add = h("button", { "data-key": "add", onclick: () => app.addSpan() }, "Make a span");
    const clear = spans.length > 1 ? h("button", { "data-key": "clear", onclick: () => app.removeSpans(spans) }, "Clear all") : null;
    keepingFocus(this.root, () => this.root.replaceChildren(h("span.quiet", "Own spans"), ...spans.map((span) => this.chip(span)), this.add, ...(clear ? [clear] : []), (this.hint = h("span.quiet"))));
    this.paint();
  }

  paint() {
    const ready = Boolean(this.app.selection());
    this.add.disabled = !ready;
    this.hint.textContent = ready ? "" : "Click and shift-click tokens, or shift with the arrow keys, to choose some.";
  }

  chip(span) {
    const { app } = this;
    const side = app.example.sides.find(({ name }) => name === span.side);
    const text = joinedText([{ text: joined(side.t.slice(span.from, span.to)).trim() }]);
    const field = h("input", { value: span.name, placeholder: "name", "data-key": key(span), "aria-label": `Name of the span ${text}`, size: 9, onchange: () => app.nameSpan(span, field.value) });
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      app.nameSpan(span, field.value);
      app.panel.focus();
      event.stopPropagation();
    });
    const remove = h("button", { "data-key": `x${key(span)}`, "aria-label": `Remove the span ${span.name || text}`, onclick: () => app.removeSpans([span]) }, "×");
    return h("span.own", h("span.text", fenced(text)), field, remove);
  }

  nameField(span) {
    return this.root.querySelector(`[data-key="${key(span)}"]`);
  }
}
