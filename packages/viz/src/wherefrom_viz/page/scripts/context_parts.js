// What a page about a context adds to the others: which output tokens depend on the context, its documents, citations.

import { columnHead, fenced, h, rowHead, scrolling } from "./dom.js";
import { short } from "./numbers.js";
import { columnScores, largest } from "./units.js";

/** The first context-sensitive token of a unit of the output, or null. */
export function cueOf(app, unit) {
  const { context } = app.meta;
  if (!context || !unit.output) return null;
  const { first } = app.example;
  return context.cues.find(({ col }) => col + first >= unit.start && col + first < unit.end) ?? null;
}

/** Lines of the card about what is pinned. */
export function cueLines(app, span) {
  const { context } = app.meta;
  if (!context) return [];
  if (!span) return [h("p.facts", context.heading), h("p.quiet", context.rule)];
  if (span[0] !== span[1]) return [];
  const cue = cueOf(app, { ...app.view.cols[span[0]], output: true });
  if (!cue) return [h("p.facts", "This token does not stand out: none of it is attributed to the context.")];
  const facts = [cue.p !== null && h("span", `p ${short(cue.p)}`), cue.alternative && h("span", "without context: ", h("b", fenced(cue.alternative)))];
  return [h("p.facts", facts), cue.contextless && h("p.quiet", "Without context: ", fenced(cue.contextless))].filter(Boolean);
}

/** The documents, as they are cited, with their share of what is shown; a click leads to where each begins. */
export class Documents {
  constructor(app) {
    this.app = app;
    this.root = h("nav.documents", { "aria-label": "Documents" });
  }

  paint(span, find) {
    const { app } = this;
    const { documents } = app.meta.context;
    this.root.hidden = !documents.length;
    const { scores } = columnScores(app.view, ...(span ?? [0, app.view.columns - 1]));
    const weights = documents.map(({ start, end }) => app.view.inputs.reduce((sum, unit, r) => (unit.side === "target" && unit.start >= start && unit.start < end ? sum + Math.abs(scores[r]) : sum), 0));
    const total = weights.reduce((a, b) => a + b, 0);
    const line = ({ name, label, start }, place) => {
      const share = total ? weights[place] / total : 0;
      const at = app.view.inputs.findIndex((unit) => unit.side === "target" && unit.start >= start);
      return h("li", h("button.name", { title: "show it in the text", onclick: () => find(at) }, `[${name}] `, fenced(label)), h("span.value", `${Math.round(share * 100)} %`));
    };
    this.root.replaceChildren(h("h2", "Documents"), h("ol", documents.map(line)));
  }
}

/** Sentences of the output against the parts of the context. */
export class CitationsView {
  constructor(app) {
    this.app = app;
    this.root = h("div.citations");
  }

  /** The table as a scene: what legend and exports take. */
  get scene() {
    const { sentences, parts, values } = this.app.meta.context.citations;
    const scores = Float64Array.from(values.flat());
    const unit = (label) => ({ text: label, label, side: "sentence" });
    const view = { inputs: sentences.map(unit), cols: parts.map(unit), rows: sentences.length, columns: parts.length, scores, visible: new Uint8Array(scores.length).fill(1), stepScores: {}, seen: [...sentences.keys()] };
    const bound = largest(scores);
    return { view, title: "Citations", words: { signed: true, raises: "raises", lowers: "lowers", of: "the log-probability of the sentence, in nats" }, bound: () => bound, shownRange: () => [bound, scores] };
  }

  render() {
    const { painter, meta } = this.app;
    const { citations } = meta.context;
    const { view, bound } = this.scene;
    const cell = (r, c) => {
      const value = view.scores[r * view.columns + c];
      const cited = citations.cited[r].includes(c);
      const element = h("td", citations.shown[r][c], cited && h("b", "*"));
      if (cited) element.setAttribute("aria-label", `${citations.shown[r][c]}, cited`);
      painter.paint(element, value / bound());
      return element;
    };
    const head = h("tr", columnHead("sentence"), citations.parts.map((part) => columnHead(fenced(part))));
    const lines = citations.sentences.map((sentence, r) => h("tr", rowHead(fenced(sentence), citations.cited[r].length ? null : h("b", " (no support)")), view.cols.map((_, c) => cell(r, c))));
    const caption = h("caption", `Nats by which a part raises a sentence's log-probability; * cited (at least ${citations.threshold}).`);
    this.root.replaceChildren(h("p.cited", fenced(citations.text)), scrolling("Table of citations", h("table", caption, h("thead", head), h("tbody", lines))));
  }

  paint() {}
}
