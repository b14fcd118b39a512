// The page: state and wiring. Views draw; this decides what they draw.

import { Painter } from "./colour.js";
import { CompareView } from "./compare_view.js";
import { CitationsView } from "./context_parts.js";
import { Controls } from "./controls.js";
import { answered, fenced, h, wrong } from "./dom.js";
import { helpDialog, pressed } from "./keys.js";
import { legend } from "./legend.js";
import { ListView } from "./list_view.js";
import { MatrixView } from "./matrix_view.js";
import { short } from "./numbers.js";
import { Overview } from "./overview.js";
import { pairOf, partnersOf } from "./pairing.js";
import { Store } from "./payload.js";
import { ReadView } from "./read_view.js";
import { Sliders } from "./sliders.js";
import { added, cleanName, fitting } from "./spans.js";
import { SpanBar } from "./span_bar.js";
import { DEFAULTS, formatHash, MATRICES, parseHash, SCALES, TABS, THEMES, UNPINNED, within } from "./state.js";
import { StepsView } from "./steps_view.js";
import { buildView, counted, fading, joinedText, largest, LEVELS, MERGES, NORMALIZATIONS, ranked, robustBound, rowScores, shownColumns, strongest } from "./units.js";

export class App {
  /**
   * @param {Element} host - empty element to draw in
   * @param {object} meta - what the page says of itself
   * @param {Function} find - number of a block -> its base-85 text, null while it is loading
   * @param {object} options - {page}: does the app own the window's address and keys?
   */
  constructor(host, meta, find, { page = true } = {}) {
    this.host = host;
    this.meta = meta;
    this.page = page;
    this.id = `wf${meta.id}`;
    this.store = new Store(find, meta.blockSize);
    this.defaults = { ...DEFAULTS, ...meta.defaults };
    const has = { compare: meta.n > 1 && !meta.site, citations: Boolean(meta.context?.citations) }; // a site has no pairs
    this.tabNames = TABS.filter((name) => has[name] ?? true);
    this.allowed = { examples: meta.n, tab: this.tabNames, g: LEVELS, m: MERGES, n: NORMALIZATIONS, cm: Object.keys(MATRICES), sc: Object.keys(SCALES), c: Object.keys(meta.palettes), t: THEMES };
    this.state = page ? parseHash(location.hash, this.defaults, this.allowed) : { ...this.defaults };
    if (!this.tabNames.includes(this.state.tab)) this.state.tab = "read";
    this.pairs = null; // what can be compared, once it is loaded
    this.seen = null; // preview: {span} or {rows}
    this.list = new ListView(this);
    this.spanBar = new SpanBar(this);
    this.controls = new Controls(this);
    this.sliders = new Sliders(this);
    this.overview = new Overview(this);
    this.views = { read: new ReadView(this), matrix: new MatrixView(this), steps: new StepsView(this), compare: new CompareView(this), citations: new CitationsView(this) };
    this.build();
  }

  // ---- what is chosen

  viewOptions(normalize = this.state.n) {
    return { level: this.state.g, merge: this.state.m, normalize, spans: this.spans(), hide: this.state.h, range: this.meta.range, pale: this.meta.pale };
  }

  /** What is shown now, as ranges: a preview never overrides a pin. */
  active() {
    const { tok, row } = this.state;
    if (row) return { span: null, rows: row };
    if (tok) return { span: tok, rows: null };
    return { span: this.seen?.span ?? null, rows: this.seen?.rows ?? null };
  }

  /** The example's own spans: those drawn here, else those it came with. */
  spans(index = this.state.ex, example = this.example) {
    return fitting(this.state.sp[index] ?? example.spans, example.sides);
  }

  /** What is pinned, in tokens: {side, from, to}, or null. */
  selection() {
    const { tok, row } = this.state;
    const units = tok ? this.view.cols : this.view.inputs;
    const [from, to] = tok ?? row ?? [];
    return from === undefined ? null : { side: units[from].side, from: units[from].start, to: units[to].end, name: "" };
  }

  /** Score that gets the strongest colour, in column `c` or (null) in general. */
  bound(c) {
    return this.scale(c) / fading(this.view, c);
  }

  scale(c) {
    const sc = this.scaleName();
    const { view } = this;
    if (sc === "step" && c !== null) return (view.bounds[c] ??= largest(shownColumns(view, c, c)));
    if (sc === "robust") return (view.robust ??= robustBound(view));
    return sc === "shared" ? this.meta.bound : view.bound;
  }

  /** The scale that colours are on: sums in a text have their own, and of all examples it is known in some units. */
  scaleName() {
    const { tab, sc, g, n, m } = this.state;
    const { range, units } = this.meta;
    if (tab === "read") {
      const { span, rows } = this.active();
      const [from, to] = rows ?? span ?? [0, -1];
      if (from !== to) return "shown";
      if (sc === "shown") return range ? "example" : sc;
    }
    return sc === "shared" && units !== [g, n, g === "token" ? "" : m].join() ? "example" : sc;
  }

  /**
   * Score of the strongest colour in what is shown, for cells and legend alike (null where every output has its own), and what is coloured.
   * A token that is read alone is drawn on its own scale by default: on that of the example most would be pale.
   */
  shownRange() {
    const { view } = this;
    const { range } = this.meta;
    const { span, rows } = this.active();
    const name = this.scaleName();
    if (this.state.tab !== "read") return [name === "step" ? null : this.bound(null), counted(view)];
    const shown = span ?? [0, view.columns - 1];
    const scores = rows ? rowScores(view, ...rows).scores : shownColumns(view, ...shown);
    return [name === "shown" ? largest(scores, range) / (rows ? 1 : fading(view, ...shown)) : this.bound(rows ? null : span[0]), scores];
  }

  drawLegend() {
    this.legend.replaceChildren(...legend(this));
  }

  get title() {
    return this.example.title;
  }

  /** Model and method of an example; it carries them where they are not those of the first. */
  methodOf(example) {
    return example.subtitle || this.meta.subtitle;
  }

  label(index) {
    const entry = this.list.entries[index];
    return entry?.title || `example ${index + 1}`;
  }

  /** The examples this one can be compared with. */
  partners() {
    return this.pairs ? partnersOf(this.pairs, this.state.ex) : [];
  }

  /** The example to compare with: the chosen one, else the same text of the other run, else the next that can be; null without any. */
  partner() {
    const { b, ex } = this.state;
    const all = this.partners();
    if (all.includes(b)) return b;
    return all.find((index) => pairOf(this.pairs, ex, index).alike) ?? all.find((index) => index > ex) ?? all[0] ?? null;
  }

  // ---- changes

  async update(changes) {
    const before = this.state;
    this.state = { ...before, ...changes };
    this.seen = null;
    if (this.page) this.remember();
    if (this.state.ex !== before.ex) return this.open();
    const repaint = Object.keys(changes).every((key) => key === "tok" || key === "row");
    if (repaint) {
      this.views[this.state.tab].paint();
      this.views[this.state.tab].reveal?.();
      this.spanBar.paint();
      return this.announce();
    }
    return this.redraw();
  }

  remember() {
    const hash = formatHash(this.state, this.defaults);
    try {
      history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
    } catch {
      location.hash = hash; // some browsers refuse to rewrite the address of a local file
    }
  }

  /** Show or hide the list of examples. */
  fold() {
    this.root.classList.toggle("folded");
    this.list.draw();
  }

  go(index) {
    if (index < 0 || index >= this.meta.n || index === this.state.ex) return undefined;
    return this.update({ ex: index, ...UNPINNED });
  }

  preview(seen) {
    this.seen = seen;
    this.views[this.state.tab].paint();
  }

  /** The next token that is pinned widens what is pinned: what shift does on a screen that is touched. */
  widen() {
    this.widening = !this.widening;
    this.views[this.state.tab].paint();
  }

  pinLine(line, shift) {
    const extend = shift || this.widening;
    this.widening = false;
    return line.row !== undefined ? this.pin("row", [line.row, line.row], extend) : this.pin("tok", [line.col, line.col], extend);
  }

  /** Pin a range of columns ("tok") or of inputs ("row"); the same again unpins it, `extend` widens what is pinned. */
  pin(key, range, extend) {
    const held = this.state[key];
    const block = (at) => `${this.view.inputs[at].side}${this.view.inputs[at].output}`;
    if (extend && held && (key === "tok" || block(held[0]) === block(range[0]))) return this.update({ ...UNPINNED, [key]: [Math.min(held[0], range[0]), Math.max(held[1], range[1])] });
    const same = held && held[0] === range[0] && held[1] === range[1];
    return this.update({ ...UNPINNED, [key]: same ? null : range });
  }

  /** Move, or widen, the pinned range of `key` by one among the places `first` to `last`. */
  step(by, widen, key = "tok", first = 0, last = this.view.columns - 1) {
    const held = this.state[key];
    if (!held || held[0] < first || held[1] > last) return this.update({ ...UNPINNED, [key]: by > 0 ? [first, first] : [last, last] });
    const next = within((by > 0 ? held[1] : held[0]) + by, first, last);
    return this.update({ ...UNPINNED, [key]: widen ? [Math.min(held[0], next), Math.max(held[1], next)] : [next, next] });
  }

  /** Make what is pinned a unit of its own, and let the reader name it. */
  async addSpan() {
    const span = this.selection();
    if (!span) {
      this.live.textContent = "Pin tokens first: click and shift-click, or shift with the arrow keys.";
      return;
    }
    await this.setSpans(added(this.spans(), span), { g: "span" });
    this.spanBar.nameField(span)?.focus();
    this.live.textContent = "The span is a unit now. Type its name, Enter keeps it.";
  }

  nameSpan(span, text) {
    const name = cleanName(text);
    return this.setSpans(this.spans().map((other) => (other.side === span.side && other.from === span.from ? { ...other, name } : other)));
  }

  async removeSpans(gone) {
    await this.setSpans(this.spans().filter((span) => !gone.some((other) => other.side === span.side && other.from === span.from)));
    this.live.textContent = gone.length === 1 ? "The span is removed." : "All spans are removed.";
    (this.spanBar.root.querySelector("button:enabled") ?? this.panel).focus();
  }

  setSpans(spans, changes = {}) {
    return this.update({ ...changes, sp: { ...this.state.sp, [this.state.ex]: spans }, ...UNPINNED });
  }

  /** Change a setting; other units have no place for what is pinned. */
  choose(key, value) {
    return this.update({ [key]: value, ...((key === "g" || key === "h") && UNPINNED) });
  }

  cycle(key, values) {
    return this.choose(key, values[(values.indexOf(this.state[key]) + 1) % values.length]);
  }

  // ---- drawing

  async open() {
    const index = this.state.ex;
    let example;
    try {
      example = await this.store.example(index);
    } catch (error) {
      if (index !== this.state.ex) return;
      this.example = null; // nothing else may be shown under this example's number
      this.panel.replaceChildren(wrong(error));
      this.place.textContent = `${index + 1} of ${this.meta.n}`;
      this.heading.replaceChildren(h("strong", fenced(this.label(index))));
      this.legend.replaceChildren();
      this.live.textContent = "";
      return;
    }
    if (index !== this.state.ex) return;
    this.example = example;
    await this.redraw();
    this.views[this.state.tab].reveal?.();
    this.list.reveal();
  }

  get words() {
    return this.wordsOf(this.example);
  }

  /** What the signs of an example's scores mean; norms have none. */
  wordsOf({ signed, words }) {
    return { ...this.meta.words, ...words, signed: signed && (this.state.g === "token" || this.state.m !== "l2") };
  }

  /** Draw all of it; what fails is told in its place, and another view or example can be chosen. */
  async redraw() {
    if (!this.example) return;
    try {
      await this.drawExample();
    } catch (error) {
      console.error(error);
      this.panel.replaceChildren(wrong(new Error(`This cannot be drawn: ${error.message}`)));
    }
  }

  async drawExample() {
    this.root.dataset.theme = this.theme();
    this.root.classList.toggle("underline", this.state.u);
    this.root.classList.toggle("mono", this.state.mono);
    this.root.classList.toggle("host", !this.page && this.state.t === "auto");
    this.painter = new Painter(this.meta.palettes[this.state.c], this.theme(), this.state.s);
    this.view = buildView(this.example, this.viewOptions());
    this.view.bounds = [];
    const { tok, row } = this.state;
    if (tok && tok[1] >= this.view.columns) this.state.tok = null;
    if (row && row[1] >= this.view.rows) this.state.row = null;
    const tab = this.state.tab;
    this.tabNames.forEach((name) => {
      const own = this.tabs[name];
      own.setAttribute("aria-selected", name === tab);
      own.tabIndex = name === tab ? 0 : -1;
    });
    this.panel.setAttribute("aria-labelledby", this.tabs[tab].id);
    const { root } = this.views[tab];
    if (root.parentNode !== this.panel) this.panel.replaceChildren(root); // else what has the focus would lose it
    await this.views[tab].render();
    this.place.textContent = this.meta.n > 1 ? `${this.state.ex + 1} of ${this.meta.n}` : "";
    this.heading.replaceChildren(h("strong", fenced(this.example.title || "")), " ", h("span.quiet", fenced(this.methodOf(this.example))));
    this.controls.render();
    this.sliders.render();
    this.overview.render();
    this.spanBar.render();
    this.drawLegend();
    this.announce();
  }

  announce() {
    const { span, rows } = this.active();
    const { inputs, cols, stepScores } = this.view;
    const list = (entries, units) => entries.map(({ at, score }) => `${units[at].label} ${short(score)}`).join(", ") || "none";
    let text = "";
    if (rows) text = `Input ${joinedText(inputs.slice(rows[0], rows[1] + 1))}, strongest outputs: ${list(ranked(rowScores(this.view, ...rows), 3), cols)}`;
    else if (span) {
      const [from, to] = span;
      const outputs = cols.slice(from, to + 1).map((col) => col.label).join(" ");
      const probability = stepScores.probability && from === to ? `, probability ${short(stepScores.probability[from])}` : "";
      text = `${outputs}${probability}, strongest inputs: ${list(strongest(this.view, from, to, 3), inputs)}`;
    }
    this.live.textContent = text;
  }

  theme() {
    if (this.state.t !== "auto") return this.state.t;
    return hostTheme(this.host) ?? (window.matchMedia?.("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  }

  // ---- the frame

  build() {
    const { meta } = this;
    this.heading = h("p.name");
    this.place = h("span.place");
    const turn = (by, label, sign) => h("button", { "aria-label": label, onclick: () => this.go(this.list.neighbour(this.state.ex, by)) }, sign);
    const nav = meta.n > 1 ? h("div.turn", h("button", { "aria-label": "List of examples", onclick: () => this.fold() }, "☰"), turn(-1, "Previous example", "‹"), this.place, turn(1, "Next example", "›")) : null;
    this.tabs = {};
    const tabs = h(
      "div.tabs",
      { role: "tablist", "aria-label": "Views", onkeydown: (event) => this.tabKey(event) },
      this.tabNames.map((name) => (this.tabs[name] = h("button", { role: "tab", id: `${this.id}-tab-${name}`, "aria-controls": `${this.id}-panel`, onclick: () => this.update({ tab: name }) }, name[0].toUpperCase() + name.slice(1)))),
    );
    this.panel = h("div.panel", { role: "tabpanel", id: `${this.id}-panel`, tabIndex: -1 });
    this.legend = h("footer.legend");
    this.live = h("p.live", { "aria-live": "polite" });
    this.help = helpDialog();
    this.root = h(
      "div",
      { class: `wf${this.page ? " page" : ""}${meta.n > 1 ? " many" : ""}${meta.dimensions.length ? " sliced" : ""}${meta.controls === false ? " bare" : ""}` },
      h("header", h(this.page ? "h1.title" : "p.title", meta.title), this.heading, nav),
      h("div.columns", meta.n > 1 ? this.list.root : null, h(this.page ? "main.main" : "div.main", h("div.bar", tabs, this.controls.root), this.sliders.root, this.overview.root, this.spanBar.root, this.panel, this.legend)),
      this.live,
      this.help,
    );
    this.root.addEventListener("keydown", (event) => pressed(this, event));
    document.addEventListener("pointerdown", (event) => this.controls.close(event.composedPath()));
    if (this.page) document.addEventListener("keydown", (event) => !event.composedPath().includes(this.root) && pressed(this, event));
    if (this.page) window.addEventListener("hashchange", () => this.readAddress());
    window.addEventListener("beforeprint", () => this.root.querySelectorAll("table").forEach((table) => table.style.setProperty("--wide", table.offsetWidth)));
    window.matchMedia?.("(prefers-color-scheme: dark)").addEventListener?.("change", () => this.redraw());
    if (meta.height) Object.assign(this.root.style, { maxHeight: `${meta.height}px`, minHeight: "0", overflow: "auto" });
    this.host.replaceChildren(this.root);
  }

  readAddress() {
    const wanted = parseHash(location.hash, this.defaults, this.allowed);
    if (formatHash(wanted, this.defaults) !== formatHash(this.state, this.defaults)) this.update(wanted);
  }

  tabKey(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const next = this.tabNames[(this.tabNames.indexOf(this.state.tab) + by + this.tabNames.length) % this.tabNames.length];
    this.update({ tab: next });
    this.tabs[next].focus();
    answered(event);
  }
}

/** The theme of a notebook or documentation page around the element, or null. */
export function hostTheme(element) {
  const body = document.body;
  const root = document.documentElement;
  const code = /\bvscode-(dark|light|high-contrast)/.exec(body.className)?.[1];
  if (code) return code === "light" ? "light" : "dark";
  const jupyter = body.dataset.jpThemeLight ?? element.closest?.("[data-jp-theme-light]")?.dataset.jpThemeLight;
  if (jupyter) return jupyter === "true" ? "light" : "dark";
  for (const place of [root, body]) {
    const named = place.getAttribute("theme") ?? place.dataset.theme ?? place.dataset.colorMode;
    if (named === "dark" || named === "light") return named;
    if (place.classList.contains("dark") || place.classList.contains("dark-theme")) return "dark";
  }
  return null;
}
