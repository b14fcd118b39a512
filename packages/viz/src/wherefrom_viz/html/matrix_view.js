// Scores as a table: inputs down, outputs across. A real table while it is small, a canvas with the same keys when large.


import { h, fenced } from "./dom.js";
import { cellNumber, cellUnit, signed } from "./numbers.js";

const MOST_CELLS = 4000;

export class MatrixView {
  constructor(app) {
    this.app = app;
    this.root = h("div", { class: "matrix" });
    this.asTable = false;
  }

  render() {
    const { view, state } = this.app;
    this.across = state.x ? view.seen.map((r) => ({ row: r })) : view.cols.map((_, c) => ({ col: c }));
    this.down = state.x ? view.cols.map((_, c) => ({ col: c })) : view.seen.map((r) => ({ row: r }));
    const large = this.across.length * this.down.length > MOST_CELLS && !this.asTable;
    this.status = h("p", { class: "status" });
    this.root.replaceChildren(large ? this.canvas() : this.table(), this.status);
    if (large) this.draw();
    this.say(null);
  }

  paint() {
    if (this.table_) this.mark();
    else if (this.surface) this.draw();
  }

  unit(line) {
    const { view } = this.app;
    return line.row !== undefined ? view.inputs[line.row] : view.cols[line.col];
  }

  cell(down, across) {
    const { view } = this.app;
    const [r, c] = down.row !== undefined ? [down.row, across.col] : [across.row, down.col];
    const at = r * view.columns + c;
    return view.visible[at] ? { r, c, value: view.scores[at] } : { r, c, value: null };
  }

  /** Should cells hold numbers? */
  numbers() {
    return this.app.state.num ?? this.across.length <= 16;
  }

  table() {
    const { app } = this;
    const { view, painter, state } = app;
    const numbers = this.numbers();
    const upright = this.across.length > 14 || this.across.some((line) => [...this.unit(line).text].length > 14);
    const head = (line, scope) =>
      h(
        "th",
        {
          scope,
          class: `${line.col !== undefined ? "out" : "in"}${this.unit(line).special ? " special" : ""}`,
          "data-col": line.col,
          "data-row": line.row,
          onclick: (event) => app.pinLine(line, event.shiftKey),
        },
        fenced(this.unit(line).text || "∅"),
      );
    const body = h("tbody");
    let section = null;
    for (const down of this.down) {
      const unit = this.unit(down);
      const own = `${unit.side}${unit.output}`;
      const row = h("tr", { class: section !== null && own !== section ? "section" : null }, head(down, "row"));
      section = own;
      for (const across of this.across) {
        const { r, c, value } = this.cell(down, across);
        const td = h("td", { "data-r": r, "data-c": c }, value === null ? "·" : numbers ? cellNumber(value, app.bound(null)) : "");
        if (value === null) td.className = "hidden";
        else painter.paint(td, value / app.bound(c));
        if (value !== null && !numbers && td.dataset.sign === "-") td.textContent = "−";
        row.append(td);
      }
      body.append(row);
    }
    const corner = h("td", { class: "corner" }, state.x ? "output ↓ input →" : "input ↓ output →");
    const tableHead = h("thead", {}, h("tr", {}, corner, this.across.map((line) => head(line, "col"))));
    const caption = h("caption", {}, `${app.example.title || "Scores"}: how much each input ${words(app)}`);
    const foot = state.x ? null : h("tfoot", {}, Object.entries(view.stepScores).map(([name, values]) => this.stepRow(name, values)));
    this.surface = null;
    this.table_ = h("table", { class: upright ? "upright" : "" }, caption, tableHead, body, foot);
    this.table_.style.setProperty("--zoom", state.z);
    this.table_.addEventListener("mouseover", (event) => this.hover(event.target.closest("td[data-r]")));
    this.table_.addEventListener("mouseleave", () => this.hover(null));
    this.table_.addEventListener("click", (event) => {
      const td = event.target.closest("td[data-r]");
      if (td) app.pinLine({ col: Number(td.dataset.c) }, event.shiftKey);
    });
    this.mark();
    return h("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Matrix of scores" }, this.table_);
  }

  stepRow(name, values) {
    const most = name === "probability" ? 1 : Math.max(...values.map(Math.abs), 1e-30);
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, name),
      values.map((value) => {
        const bar = h("span", { class: "stepbar" });
        bar.style.height = `${Math.max(1, (Math.min(1, Math.abs(value) / most) * 22))}px`;
        return h("td", { class: "step" }, bar, h("span", { class: "number" }, String(Number(value.toPrecision(2)))));
      }),
    );
  }

  /** Crosshair: the heads of the cell under the pointer, and what it says. */
  hover(td) {
    for (const old of this.table_.querySelectorAll(".cross")) old.classList.remove("cross");
    if (!td) return this.say(null);
    for (const head of this.table_.querySelectorAll(`th[data-col="${td.dataset.c}"], th[data-row="${td.dataset.r}"]`)) head.classList.add("cross");
    td.classList.add("cross");
    return this.say({ r: Number(td.dataset.r), c: Number(td.dataset.c) });
  }

  /** Show what is pinned. */
  mark() {
    const { span, row } = this.app.active();
    for (const head of this.table_.querySelectorAll("th[data-col], th[data-row]")) {
      const c = head.dataset.col === undefined ? -1 : Number(head.dataset.col);
      const picked = c >= 0 ? Boolean(span && c >= span[0] && c <= span[1]) : row !== null && Number(head.dataset.row) === row;
      head.classList.toggle("picked", picked);
    }
  }

  say(place) {
    const { view, app } = { view: this.app.view, app: this.app };
    if (!place) {
      this.status.textContent = cellUnit(app.bound(null)) || " ";
      return;
    }
    const value = view.visible[place.r * view.columns + place.c] ? view.scores[place.r * view.columns + place.c] : null;
    const [input, output] = [view.inputs[place.r].text || "∅", view.cols[place.c].text || "∅"];
    const tells = value === null ? "is not visible to" : app.words.signed ? (value >= 0 ? app.words.raises : app.words.lowers) : "influences";
    this.status.replaceChildren(fenced(input), ` ${tells} `, fenced(output), value === null ? "" : `: ${signed(value, app.words.signed)}`);
  }

  canvas() {
    this.table_ = null;
    this.surface = h("canvas", {
      tabIndex: 0,
      role: "img",
      "aria-label": `Matrix of ${this.down.length} by ${this.across.length} scores; the table button below gives it as a table`,
    });
    this.surface.addEventListener("mousemove", (event) => this.point(event));
    this.surface.addEventListener("mouseleave", () => {
      this.at = null;
      this.draw();
      this.say(null);
    });
    this.surface.addEventListener("click", (event) => {
      this.point(event);
      if (this.at) this.app.pinLine({ col: this.at.c }, event.shiftKey);
    });
    const button = h("button", { onclick: () => ((this.asTable = true), this.render(), (this.asTable = false)) }, "Show as a table");
    return h("div", {}, h("div", { class: "scroll" }, this.surface), h("p", {}, button));
  }

  size() {
    return Math.max(2, Math.min(18, Math.floor(1100 / Math.max(this.across.length, 1)))) * this.app.state.z;
  }

  draw() {
    const started = performance.now();
    const { app } = this;
    const { view } = app;
    const size = this.size();
    const margin = size >= 9 ? 110 : 8;
    const [columns, rows] = [this.across.length, this.down.length];
    const scale = window.devicePixelRatio || 1;
    const [width, height] = [margin + columns * size + 2, margin + rows * size + 2];
    this.surface.width = width * scale;
    this.surface.height = height * scale;
    this.surface.style.width = `${width}px`;
    this.surface.style.height = `${height}px`;
    const pen = this.surface.getContext("2d");
    pen.scale(scale, scale);
    const ink = getComputedStyle(this.root).color;
    // cells as one picture, a pixel each, stretched: a fill per cell would be slow
    const pixels = new ImageData(columns, rows);
    const shades = this.shades();
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const { c, value } = this.cell(this.down[y], this.across[x]);
        if (value === null) continue;
        const level = Math.round(Math.min(1, Math.max(-1, value / app.bound(c))) * 127) + 127;
        const rgb = shades[level];
        if (rgb) pixels.data.set([rgb[0], rgb[1], rgb[2], 255], (y * columns + x) * 4);
      }
    }
    const small = new OffscreenCanvas(columns, rows);
    small.getContext("2d").putImageData(pixels, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small, margin, margin, columns * size, rows * size);
    pen.fillStyle = ink;
    pen.strokeStyle = ink;
    if (size >= 9) this.drawLabels(pen, size, margin);
    const { span, row } = app.active();
    const mark = (first, last, vertical) => {
      const [from, length] = [margin + first * size, (last - first + 1) * size];
      if (vertical) pen.strokeRect(from, margin, length, rows * size);
      else pen.strokeRect(margin, from, columns * size, length);
    };
    if (span) mark(span[0], span[1], !app.state.x);
    if (row !== null) mark(view.seen.indexOf(row), view.seen.indexOf(row), app.state.x);
    if (this.at) {
      mark(this.at.x, this.at.x, true);
      mark(this.at.y, this.at.y, false);
    }
    this.drawMilliseconds = performance.now() - started;
  }

  shades() {
    return Array.from({ length: 255 }, (_, level) => this.app.painter.background((level - 127) / 127));
  }

  drawLabels(pen, size, margin) {
    pen.font = `${Math.min(12, size - 1)}px system-ui, sans-serif`;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    this.down.forEach((line, y) => pen.fillText(shortened(this.unit(line).text), margin - 4, margin + (y + 0.5) * size));
    pen.textAlign = "left";
    this.across.forEach((line, x) => {
      pen.save();
      pen.translate(margin + (x + 0.5) * size, margin - 4);
      pen.rotate(-Math.PI / 2);
      pen.fillText(shortened(this.unit(line).text), 0, 0);
      pen.restore();
    });
  }

  point(event) {
    const box = this.surface.getBoundingClientRect();
    const size = this.size();
    const margin = size >= 9 ? 110 : 8;
    const x = Math.floor((event.clientX - box.left - margin) / size);
    const y = Math.floor((event.clientY - box.top - margin) / size);
    if (x < 0 || y < 0 || x >= this.across.length || y >= this.down.length) return;
    this.at = { x, y, ...this.cell(this.down[y], this.across[x]) };
    this.draw();
    this.say(this.at);
  }
}

function shortened(text) {
  const letters = [...text];
  return letters.length > 15 ? `${letters.slice(0, 7).join("")}…${letters.slice(-7).join("")}` : text;
}

function words(app) {
  return app.words.signed ? `raises (+) or lowers (−) ${app.words.of || "each output"}` : `influences ${app.words.of || "each output"}`;
}

