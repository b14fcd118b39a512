// The page: state, keys and wiring. Views draw; this decides what they draw.

import { fromBase85 } from "./bytes.js";
import { Painter, css } from "./colour.js";
import { CompareView } from "./compare_view.js";
import { choice, download, fenced, h, keepingFocus } from "./dom.js";
import { toJson, toMarkdown, toSvg, toTsv } from "./exports.js";
import { inflate } from "./inflate.js";
import { ListView } from "./list_view.js";
import { MatrixView } from "./matrix_view.js";
import { short } from "./numbers.js";
import { Store } from "./payload.js";
import { ReadView } from "./read_view.js";
import { added, cleanName, fitting } from "./spans.js";
import { SpanBar } from "./span_bar.js";
import { DEFAULTS, formatHash, MATRICES, parseHash, TABS } from "./state.js";
import { StepsView } from "./steps_view.js";
import { buildView, columnScores, joinedText, LEVELS, MERGES, NORMALIZATIONS, ranked, robustBound, rowScores, strongest } from "./units.js";

const SCALES = { example: "this example", robust: "99th percentile", shared: "all examples", step: "each output" };
const LEVEL_WORDS = { span: "own spans" };
const MERGE_WORDS = { sum: "sum", mean: "mean", absmax: "largest magnitude", max: "maximum", l2: "L2 norm" };
const NORMALIZE_WORDS = { none: "none", step: "per output", sequence: "per example" };
const KEYS = [
  ["← →", "previous, next output token (shift: widen the span)"],
  ["↑ ↓ or k j", "previous, next example"],
  ["Enter", "pin the token under the cursor"],
  ["Esc", "unpin"],
  ["1 2 3 4", "Read, Matrix, Steps, Compare"],
  ["g", "granularity: token, word, sentence, turn, own spans"],
  ["s", "make what is pinned a span of your own"],
  ["n", "normalisation"],
  ["c", "colours"],
  ["[ ]", "colour intensity"],
  ["m", "comparison: texts, matrix A, B, A − B"],
  ["Tab, then arrows", "move in the prompt, or over the cells of a matrix"],
  ["x", "transpose the matrix"],
  ["+ -", "zoom the matrix"],
  ["/", "search the examples"],
  ["l", "show or hide their list"],
  ["e", "export"],
  ["t", "theme"],
  ["?", "this help"],
];

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
    this.allowed = { tab: TABS, g: LEVELS, m: MERGES, n: NORMALIZATIONS, cm: Object.keys(MATRICES), sc: Object.keys(SCALES), c: Object.keys(meta.palettes), t: ["auto", "light", "dark"] };
    this.state = page ? parseHash(location.hash, this.defaults, this.allowed) : { ...this.defaults };
    this.state.ex = Math.min(this.state.ex, meta.n - 1);
    this.seen = null; // preview: {span} or {rows}
    this.list = new ListView(this);
    this.spanBar = new SpanBar(this);
    this.views = { read: new ReadView(this), matrix: new MatrixView(this), steps: new StepsView(this), compare: new CompareView(this) };
    this.build();
  }

  // ---- what is chosen

  viewOptions(normalize = this.state.n) {
    return { level: this.state.g, merge: this.state.m, normalize, stepMerge: this.meta.stepMerge, spans: this.spans() };
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
    const { sc } = this.state;
    const { view } = this;
    if (sc === "step" && c !== null) return (view.bounds[c] ??= columnScores(view, c, c).scores.reduce((most, v) => Math.max(most, Math.abs(v)), 0) || 1);
    if (sc === "robust") return (view.robust ??= robustBound(view));
    if (sc === "shared" && this.state.n === "none" && this.state.g === "token") return this.meta.bound;
    return (this.state.g === "token" && this.state.n === "none" && this.example.bound) || view.bound;
  }

  get title() {
    return this.example.title;
  }

  label(index) {
    const entry = this.list.entries[index];
    return entry?.title || `example ${index + 1}`;
  }

  /** The example to compare with: the chosen one, else the same text of the other run, else the next. */
  partner() {
    const { b, ex } = this.state;
    if (b !== null && b < this.meta.n && b !== ex) return b;
    const own = this.list.entries[ex];
    const same = this.list.entries.findIndex((entry, index) => index !== ex && own && entry.text === own.text);
    return same >= 0 ? same : ex + 1 < this.meta.n ? ex + 1 : ex - 1;
  }

  /** Examples to offer for comparison: all of a short list, else those around. */
  nearby(index) {
    const all = [...Array(this.meta.n).keys()].filter((i) => i !== this.state.ex);
    return all.length <= 200 ? all : [...new Set([index, ...all.slice(Math.max(0, this.state.ex - 100), this.state.ex + 100)])];
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
    return this.update({ ex: index, tok: null, row: null });
  }

  preview(seen) {
    this.seen = seen;
    this.views[this.state.tab].paint();
  }

  pinLine(line, extend) {
    return line.row !== undefined ? this.pin("row", [line.row, line.row], extend) : this.pin("tok", [line.col, line.col], extend);
  }

  /** Pin a range of columns ("tok") or of inputs ("row"); the same again unpins it, `extend` widens what is pinned. */
  pin(key, range, extend) {
    const held = this.state[key];
    const block = (at) => `${this.view.inputs[at].side}${this.view.inputs[at].output}`;
    const cleared = { tok: null, row: null };
    if (extend && held && (key === "tok" || block(held[0]) === block(range[0]))) return this.update({ ...cleared, [key]: [Math.min(held[0], range[0]), Math.max(held[1], range[1])] });
    const same = held && held[0] === range[0] && held[1] === range[1];
    return this.update({ ...cleared, [key]: same ? null : range });
  }

  /** Move, or widen, the pinned range of `key` by one among the places `first` to `last`. */
  step(by, widen, key = "tok", first = 0, last = this.view.columns - 1) {
    const held = this.state[key];
    const cleared = { tok: null, row: null };
    if (!held || held[0] < first || held[1] > last) return this.update({ ...cleared, [key]: by > 0 ? [first, first] : [last, last] });
    const next = Math.min(last, Math.max(first, (by > 0 ? held[1] : held[0]) + by));
    return this.update({ ...cleared, [key]: widen ? [Math.min(held[0], next), Math.max(held[1], next)] : [next, next] });
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
    return this.update({ ...changes, sp: { ...this.state.sp, [this.state.ex]: spans }, tok: null, row: null });
  }

  cycle(key, values) {
    const changes = { [key]: after(values, this.state[key]) };
    return this.update(key === "g" ? { ...changes, tok: null, row: null } : changes);
  }

  // ---- drawing

  async open() {
    const index = this.state.ex;
    const example = await this.store.example(index);
    if (index !== this.state.ex) return;
    this.example = example;
    await this.redraw();
    this.list.reveal();
  }

  get words() {
    return { ...this.meta.words, signed: this.example.signed, ...(this.example.words || {}) };
  }

  async redraw() {
    if (!this.example) return;
    this.root.dataset.theme = this.theme();
    this.root.classList.toggle("underline", this.state.u);
    this.root.classList.toggle("host", !this.page && this.state.t === "auto");
    this.painter = new Painter(this.meta.palettes[this.state.c], this.theme(), this.state.s);
    this.view = buildView(this.example, this.viewOptions());
    this.view.bounds = [];
    const { tok, row } = this.state;
    if (tok && tok[1] >= this.view.columns) this.state.tok = null;
    if (row && row[1] >= this.view.rows) this.state.row = null;
    const tab = this.state.tab;
    TABS.forEach((name) => {
      const own = this.tabs[name];
      own.setAttribute("aria-selected", name === tab ? "true" : "false");
      own.tabIndex = name === tab ? 0 : -1;
    });
    this.panel.setAttribute("aria-labelledby", this.tabs[tab].id);
    const { root } = this.views[tab];
    if (root.parentNode !== this.panel) this.panel.replaceChildren(root); // else what has the focus would lose it
    await this.views[tab].render();
    this.place.textContent = this.meta.n > 1 ? `${this.state.ex + 1} of ${this.meta.n}` : "";
    this.heading.replaceChildren(h("strong", {}, fenced(this.example.title || "")), " ", h("span", { class: "quiet" }, fenced(this.example.subtitle || this.meta.subtitle)));
    this.drawControls();
    this.moveSliders();
    this.spanBar.render();
    this.drawLegend();
    this.announce();
  }

  announce() {
    const { span, rows } = this.active();
    const list = (entries) => entries.map(({ unit, score }) => `${unit.label} ${short(score)}`).join(", ") || "none";
    if (rows) {
      const drove = ranked(rowScores(this.view, ...rows), 3).map(({ at, score }) => ({ unit: this.view.cols[at], score }));
      this.live.textContent = `Input ${joinedText(this.view.inputs.slice(rows[0], rows[1] + 1))}, strongest outputs: ${list(drove)}`;
    } else if (span) {
      const text = this.view.cols.slice(span[0], span[1] + 1).map((col) => col.label).join(" ");
      const probability = this.view.stepScores.probability;
      const top = strongest(this.view, span[0], span[1], 3).map(({ row, score }) => ({ unit: this.view.inputs[row], score }));
      this.live.textContent = `${text}${probability && span[0] === span[1] ? `, probability ${short(probability[span[0]])}` : ""}, strongest inputs: ${list(top)}`;
    } else this.live.textContent = "";
  }

  drawLegend() {
    const { state } = this;
    const compared = state.tab === "compare" && this.views.compare.pair;
    const scenes = compared ? this.views.compare.scenes() : [this];
    const how = [...this.example.pipeline];
    if (state.g !== "token") how.push(`${MERGE_WORDS[state.m]} over ${state.g}s`);
    const norm = compared ? "step" : state.n;
    const words = { step: "share of each step's total", sequence: "share of the largest score" }[norm];
    if (words && how[how.length - 1] !== words) how.push(words);
    const last = compared
      ? scenes.some(({ view }) => view.alone.some(Boolean)) && "hatched, dashed or chequered: no counterpart in the other"
      : `scale: ${SCALES[state.sc]}`;
    this.legend.replaceChildren(
      ...scenes.flatMap((scene) => this.legendOf(scene)),
      h("span", { class: "quiet" }, [how.join(" → ") || "scores as the method gave them", last, "“·” was not visible to that output"].filter(Boolean).join(" · ")),
      ...this.example.notes.map((note) => h("span", { class: "note" }, `Note: ${note}`)),
    );
  }

  /** What the colours of a scene mean. */
  legendOf({ name, words, bound }) {
    const strip = h("span", { class: "ramp", "aria-hidden": "true" });
    for (let i = words.signed ? -8 : 0; i <= 8; i++) {
      const rgb = this.painter.background(i / 8 / this.state.s);
      const swatch = h("span");
      if (rgb) swatch.style.backgroundColor = css(rgb);
      strip.append(swatch);
    }
    const most = short(bound.call(this, null));
    return [h("span", { class: "scale" }, name && h("strong", {}, `${name} `), words.signed ? `−${most} ` : "0 ", strip, ` ${words.signed ? "+" : ""}${most}`), ...this.meaning(words).map((text) => h("span", {}, text))];
  }

  /** What the colours mean, in words. */
  meaning(words) {
    const { raises, lowers } = this.meta.palettes[this.state.c];
    return words.signed ? [`${lowers} − ${words.lowers}`, `${raises} + ${words.raises} ${words.of}`] : [`stronger colour: more influence on ${words.of}`];
  }

  theme() {
    if (this.state.t !== "auto") return this.state.t;
    return hostTheme(this.host) ?? (window.matchMedia?.("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  }

  // ---- the frame

  build() {
    const { meta } = this;
    this.heading = h("p", { class: "name" });
    this.place = h("span", { class: "place" });
    const turn = (by, label, sign) => h("button", { "aria-label": label, onclick: () => this.go(this.list.neighbour(this.state.ex, by)) }, sign);
    const nav = meta.n > 1 ? h("div", { class: "turn" }, h("button", { "aria-label": "List of examples", onclick: () => this.fold() }, "☰"), turn(-1, "Previous example", "‹"), this.place, turn(1, "Next example", "›")) : null;
    this.tabs = {};
    const tabs = h(
      "div",
      { class: "tabs", role: "tablist", "aria-label": "Views", onkeydown: (event) => this.tabKey(event) },
      TABS.map((name) => (this.tabs[name] = h("button", { role: "tab", id: `${this.id}-tab-${name}`, "aria-controls": `${this.id}-panel`, onclick: () => this.update({ tab: name }) }, name[0].toUpperCase() + name.slice(1)))),
    );
    this.controls = h("div", { class: "controls" });
    this.panel = h("div", { class: "panel", role: "tabpanel", id: `${this.id}-panel`, tabIndex: -1 });
    this.legend = h("footer", { class: "legend" });
    this.live = h("p", { class: "live", "aria-live": "polite" });
    this.help = this.helpDialog();
    this.root = h(
      "div",
      { class: `wf${this.page ? " page" : ""}${meta.n > 1 ? " many" : ""}${meta.dimensions.length ? " sliced" : ""}` },
      h("header", {}, h(this.page ? "h1" : "p", { class: "title" }, meta.title), this.heading, nav),
      h("div", { class: "columns" }, meta.n > 1 ? this.list.root : null, h(this.page ? "main" : "div", { class: "main" }, h("div", { class: "bar" }, tabs, this.controls), this.dimensions(), this.spanBar.root, this.panel, this.legend)),
      this.live,
      this.help,
    );
    this.root.addEventListener("keydown", (event) => this.key(event));
    if (this.page) document.addEventListener("keydown", (event) => !event.composedPath().includes(this.root) && this.key(event));
    if (this.page) window.addEventListener("hashchange", () => this.readAddress());
    window.matchMedia?.("(prefers-color-scheme: dark)").addEventListener?.("change", () => this.redraw());
    this.host.replaceChildren(this.root);
  }

  readAddress() {
    const wanted = parseHash(location.hash, this.defaults, this.allowed);
    if (formatHash(wanted, this.defaults) !== formatHash(this.state, this.defaults)) this.update({ ...wanted, ex: Math.min(wanted.ex, this.meta.n - 1) });
  }

  /** A slider for each inner dimension of a granular page: its slices are the examples. */
  dimensions() {
    this.sliders = this.meta.dimensions.map(({ name, labels }) => {
      const value = h("output", {});
      const range = h("input", { type: "range", min: 0, max: labels.length - 1, "aria-label": name });
      range.addEventListener("input", () => this.go(this.sliders.reduce((index, slider) => index * slider.labels.length + Number(slider.range.value), 0)));
      return { range, value, labels, element: h("label", { class: "choice" }, h("span", {}, name), range, value) };
    });
    return this.sliders.length ? h("div", { class: "dimensions" }, this.sliders.map((slider) => slider.element)) : null;
  }

  /** Put the sliders where the example is, however it was reached. */
  moveSliders() {
    let index = this.state.ex;
    for (const { range, value, labels } of [...this.sliders].reverse()) {
      const place = index % labels.length;
      range.value = place;
      range.setAttribute("aria-valuetext", labels[place]);
      value.textContent = labels[place];
      index = (index - place) / labels.length;
    }
  }

  drawControls() {
    const { state } = this;
    const named = (values, words) => Object.fromEntries(values.map((value) => [value, words?.[value] ?? value]));
    const set = (key) => (value) => this.update({ [key]: value });
    const open = [...this.controls.querySelectorAll("details[open]")].map((details) => details.className);
    const keyed = (key, element) => {
      (element.querySelector("select, input") ?? element).setAttribute("data-key", key);
      return element;
    };
    const toggle = (key, label, value) => keyed(key, h("label", { class: "choice" }, h("span", {}, label), h("input", { type: "checkbox", checked: value, onchange: (event) => this.update({ [key]: event.target.checked }) })));
    const intensity = h("input", { type: "range", min: 0.5, max: 4, step: 0.25, value: state.s, "aria-label": "Intensity", onchange: (event) => this.update({ s: Number(event.target.value) }) });
    const display = h(
      "div",
      { class: "menu" },
      keyed("m", choice("Merge by", named(MERGES, MERGE_WORDS), state.m, set("m"))),
      keyed("sc", choice("Scale", SCALES, state.sc, set("sc"))),
      keyed("c", choice("Colours", named(Object.keys(this.meta.palettes)), state.c, set("c"))),
      keyed("s", h("label", { class: "choice" }, h("span", {}, "Intensity"), intensity)),
      keyed("t", choice("Theme", named(["auto", "light", "dark"]), state.t, set("t"))),
      toggle("num", "Numbers in cells", state.num ?? this.views.matrix.across?.length <= 16),
      toggle("x", "Transpose", state.x),
      toggle("u", "Underline instead of background", state.u),
    );
    const file = (kind, label) => h("button", { onclick: () => this.export(kind) }, label);
    const exports_ = h("div", { class: "menu" }, file("svg", "SVG"), file("png", "PNG"), file("md", "Markdown"), file("tsv", "TSV"), file("json", "JSON"), this.page ? file("link", "Copy link") : null);
    keepingFocus(this.controls, () => this.controls.replaceChildren(
      keyed("g", choice("Units", named(LEVELS, LEVEL_WORDS), state.g, (value) => this.update({ g: value, tok: null, row: null }))),
      keyed("n", choice("Normalise", named(NORMALIZATIONS, NORMALIZE_WORDS), state.n, set("n"))),
      h("details", { class: "display" }, h("summary", {}, "Display"), display),
      h("details", { class: "export" }, h("summary", {}, "Export"), exports_),
      h("button", { class: "help", "aria-label": "Help", onclick: () => this.help.showModal() }, "?"),
    ));
    for (const name of open) this.controls.querySelector(`details.${name}`).open = true;
  }

  helpDialog() {
    const rows = KEYS.map(([keys, what]) => h("tr", {}, h("th", { scope: "row" }, keys), h("td", {}, what)));
    const dialog = h("dialog", { "aria-label": "Help" }, h("h2", {}, "Keys"), h("table", {}, h("tbody", {}, rows)), h("button", { onclick: () => dialog.close() }, "Close"));
    return dialog;
  }

  // ---- keys

  tabKey(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const next = TABS[(TABS.indexOf(this.state.tab) + by + TABS.length) % TABS.length];
    this.update({ tab: next });
    this.tabs[next].focus();
    event.preventDefault();
    event.stopPropagation();
  }

  key(event) {
    const target = event.composedPath()[0];
    const typing = /^(SELECT|TEXTAREA)$/.test(target.tagName ?? "") || target.matches?.("input:not([type=radio], [type=checkbox], [type=range])");
    if (event.ctrlKey || event.metaKey || event.altKey || this.help.open) return;
    if (event.key === "Escape" && typing) return target.blur();
    if (typing || (target.tagName === "INPUT" && event.key.startsWith("Arrow"))) return;
    const act = this.keys()[event.key];
    if (!act || (event.key === "Enter" && /^(BUTTON|SUMMARY|A)$/.test(target.tagName))) return;
    event.preventDefault();
    act(event);
  }

  keys() {
    const turn = (by) => () => this.go(this.list.neighbour(this.state.ex, by));
    const intensity = (factor) => () => this.update({ s: Math.min(4, Math.max(0.5, this.state.s * factor)) });
    const zoom = (factor) => () => this.update({ z: Math.min(3, Math.max(0.5, this.state.z * factor)) });
    const tab = (name) => () => this.update({ tab: name });
    return {
      ArrowRight: (event) => this.step(1, event.shiftKey),
      ArrowLeft: (event) => this.step(-1, event.shiftKey),
      ArrowDown: turn(1),
      ArrowUp: turn(-1),
      j: turn(1),
      k: turn(-1),
      Enter: () => this.seen && this.update({ tok: this.seen.span ?? null, row: this.seen.rows ?? null }),
      Escape: () => this.update({ tok: null, row: null }),
      1: tab("read"),
      2: tab("matrix"),
      3: tab("steps"),
      4: tab("compare"),
      g: () => this.cycle("g", LEVELS),
      n: () => this.cycle("n", NORMALIZATIONS),
      c: () => this.cycle("c", Object.keys(this.meta.palettes)),
      t: () => this.cycle("t", ["auto", "light", "dark"]),
      m: () => this.update({ tab: "compare", cm: this.state.tab === "compare" ? after(Object.keys(MATRICES), this.state.cm) : this.state.cm }),
      s: () => this.addSpan(),
      x: () => this.update({ x: !this.state.x }),
      "[": intensity(1 / 1.25),
      "]": intensity(1.25),
      "+": zoom(1.25),
      "-": zoom(0.8),
      l: () => this.fold(),
      "/": () => this.meta.n > 1 && (this.root.classList.remove("folded"), this.list.search.focus()),
      e: () => {
        const menu = this.controls.querySelector("details.export");
        menu.open = !menu.open;
        if (menu.open) menu.querySelector("button").focus();
      },
      "?": () => this.help.showModal(),
    };
  }

  // ---- export

  async export(kind) {
    const name = (this.example.title || "attribution").replace(/[^\w-]+/g, "_").slice(0, 60) || "attribution";
    const pair = this.state.tab === "compare" ? this.views.compare.pair : null;
    const shown = (pair && this.views.compare.shown()) ?? this;
    const { view } = shown;
    if (kind === "md") return download(`${name}.md`, toMarkdown(view), "text/markdown");
    if (kind === "tsv") return download(`${name}.tsv`, toTsv(view), "text/tab-separated-values");
    if (kind === "json") return download(`${name}.json`, toJson(this.example, view, this.state, pair), "application/json");
    if (kind === "link") return this.copyLink();
    const dark = this.theme() === "dark";
    const title = [shown.title, this.example.subtitle || this.meta.subtitle].filter(Boolean).join(" · ");
    const svg = toSvg(view, this.painter, shown.bound(null), { title, legend: this.meaning(shown.words).join(" · "), ink: dark ? "#eeeeee" : "#111111", page: dark ? "#1c1d21" : "#ffffff" });
    if (kind === "svg") return download(`${name}.svg`, svg, "image/svg+xml");
    const image = new Image();
    image.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
    await image.decode();
    const canvas = h("canvas");
    canvas.width = image.width * 2;
    canvas.height = image.height * 2;
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(image.src);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
    return download(`${name}.png`, blob);
  }

  async copyLink() {
    this.remember();
    try {
      await navigator.clipboard.writeText(location.href);
      this.live.textContent = "The link is copied.";
    } catch {
      window.prompt("The link to this view:", location.href);
    }
  }
}

const after = (values, value) => values[(values.indexOf(value) + 1) % values.length];

/** The theme of a notebook or documentation page around the element, or null. */
export function hostTheme(element) {
  const body = document.body;
  const root = document.documentElement;
  if (body.classList.contains("vscode-dark") || body.classList.contains("vscode-high-contrast")) return "dark";
  if (body.classList.contains("vscode-light")) return "light";
  const jupyter = body.dataset.jpThemeLight ?? element.closest?.("[data-jp-theme-light]")?.dataset.jpThemeLight;
  if (jupyter) return jupyter === "true" ? "light" : "dark";
  for (const place of [root, body]) {
    const named = place.getAttribute("theme") ?? place.dataset.theme ?? place.dataset.colorMode;
    if (named === "dark" || named === "light") return named;
    if (place.classList.contains("dark") || place.classList.contains("dark-theme")) return "dark";
  }
  return null;
}

/** Start the app in a mount that the page holds: <div class="wf-mount"> with its data in script elements. */
export async function start(mount, page) {
  // a page keeps most of its data after the script, so that it starts before all of it is read
  const data = (name) => (page ? document : mount).querySelector(`script[data-wf="${name}"]`);
  const meta = JSON.parse(data("meta").textContent);
  const host = document.createElement("div");
  host.className = "wf-app";
  let root = host;
  if (!page) {
    // in a notebook, styles of page and app must not reach each other
    const shadow = host.attachShadow({ mode: "open" });
    const style = document.createElement("style");
    style.textContent = mount.querySelector("style").textContent;
    root = document.createElement("div");
    shadow.append(style, root);
  }
  const whole = (element) => element && (element.nextSibling || document.readyState !== "loading");
  const find = (number) => (whole(data(`block-${number}`)) ? data(`block-${number}`).textContent : null);
  mount.append(host);
  const app = new App(root, meta, find, { page });
  await app.open();
  mount.querySelector(".wf-static")?.remove();
  mount.dataset.ready = "true";
  if (meta.n > 1) {
    while (!whole(data("index"))) await new Promise((done) => setTimeout(done, 30));
    const text = new TextDecoder().decode(await inflate(fromBase85(data("index").textContent)));
    app.list.load(JSON.parse(text).map(([title, shown, inputs, outputs, probability]) => ({ title, text: shown, inputs, outputs, probability })));
    app.list.reveal();
    if (app.state.tab === "compare") await app.redraw();
  }
  mount.dataset.complete = "true";
  return app;
}
