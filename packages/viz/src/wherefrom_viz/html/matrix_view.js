// Scores as a table: inputs down, outputs across. A real table while it is small, a canvas with the same keys when large.
// What is drawn is a scene: {view, words, title, bound(c), active(), pinLine(line, extend)}. The page's own example is one.

import { h, fenced, keepingFocus } from "./dom.js";
import { cellNumber, cellUnit, short, signed } from "./numbers.js";

const MOST_CELLS = 4000;
const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

export class MatrixView {
  constructor(app, scene = app) {
    this.app = app;
    this.scene = scene;
    this.root = h("div.matrix");
    this.asTable = false;
  }

  render() {
    const { view } = this.scene;
    const rows = view.seen.map((row) => ({ row }));
    const columns = view.cols.map((_, col) => ({ col }));
    [this.across, this.down] = this.app.state.x ? [rows, columns] : [columns, rows];
    this.at = null;
    const large = this.across.length * this.down.length > MOST_CELLS && !this.asTable;
    this.status = h("p.status");
    keepingFocus(this.root, () => this.root.replaceChildren(large ? this.canvas() : this.table(), this.status));
    if (large) this.draw();
    this.say(null);
  }

  paint() {
    if (this.table_) this.mark();
    else if (this.surface) this.draw();
  }

  unit(line) {
    const { view } = this.scene;
    return line.row !== undefined ? view.inputs[line.row] : view.cols[line.col];
  }

  /** Where two lines cross: row, column, the score (null if hidden), and whether it has no counterpart in what it is compared with. */
  cell(down, across) {
    const { view } = this.scene;
    const [r, c] = down.row !== undefined ? [down.row, across.col] : [across.row, down.col];
    const at = r * view.columns + c;
    return { r, c, value: view.visible[at] ? view.scores[at] : null, alone: Boolean(view.alone?.[at]) };
  }

  /** Should cells hold numbers? */
  numbers() {
    return this.app.state.num ?? this.across.length <= 16;
  }

  table() {
    const { app, scene } = this;
    const { view } = scene;
    const numbers = this.numbers();
    const upright = this.across.length > 14 || this.across.some((line) => [...this.unit(line).label].length > 14);
    const head = (line, scope) => {
      const { label, special, only } = this.unit(line);
      return h(
        "th",
        {
          scope,
          class: `${line.col !== undefined ? "out" : "in"}${special ? " special" : ""}`,
          "data-col": line.col,
          "data-row": line.row,
          onclick: (event) => scene.pinLine(line, event.shiftKey),
        },
        fenced(label),
        only && h("span.only", ` only ${only}`),
      );
    };
    const body = h("tbody");
    let section = null;
    for (const down of this.down) {
      const unit = this.unit(down);
      const own = `${unit.side}${unit.output}`;
      const row = h("tr", { class: section !== null && own !== section ? "section" : null }, head(down, "row"));
      section = own;
      for (const across of this.across) {
        const { r, c, value, alone } = this.cell(down, across);
        const td = h("td", { "data-r": r, "data-c": c }, alone ? "" : value === null ? "·" : numbers ? cellNumber(value, scene.bound(null)) : "");
        if (alone) td.className = "alone";
        else if (value === null) td.className = "hidden";
        else app.painter.paint(td, value / scene.bound(c));
        if (value !== null && !numbers && td.dataset.sign === "-") td.textContent = "−";
        row.append(td);
      }
      body.append(row);
    }
    const corner = h("td.corner", app.state.x ? "output ↓ input →" : "input ↓ output →");
    const tableHead = h("thead", h("tr", corner, this.across.map((line) => head(line, "col"))));
    const caption = h("caption", this.caption());
    const foot = app.state.x ? null : h("tfoot", Object.entries(view.stepScores).map(([name, values]) => this.stepRow(name, values)));
    this.surface = null;
    this.table_ = h("table", { class: upright ? "upright" : "" }, caption, tableHead, body, foot);
    this.table_.style.setProperty("--zoom", app.state.z);
    this.table_.addEventListener("mouseover", (event) => this.hover(event.target.closest("td[data-r]")));
    this.table_.addEventListener("mouseleave", () => this.hover(null));
    this.table_.addEventListener("click", (event) => {
      const td = event.target.closest("td[data-r]");
      if (td) scene.pinLine({ col: Number(td.dataset.c) }, event.shiftKey);
    });
    this.mark();
    return h("div.scroll", { tabIndex: 0, role: "region", "aria-label": "Matrix of scores", "data-key": "matrix", onkeydown: (event) => this.key(event) }, this.table_);
  }

  caption() {
    const { title, words } = this.scene;
    const how = words.signed ? (words.of ? `${words.raises} (+) or ${words.lowers} (−) ${words.of}` : `is ${words.raises} (+) or ${words.lowers} (−)`) : `influences ${words.of || "each output"}`;
    return `${title || "Scores"}: how much each input ${how}`;
  }

  stepRow(name, values) {
    const known = values.filter(Number.isFinite);
    const most = name === "probability" ? 1 : Math.max(...known.map(Math.abs), 1e-30);
    return h(
      "tr",
      h("th", { scope: "row" }, name),
      values.map((value) => {
        const bar = h("span", { class: value < 0 ? "stepbar below" : "stepbar" });
        bar.style.height = `${Math.max(1, Math.min(1, Math.abs(value) / most || 0) * 22)}px`;
        return h("td.step", bar, h("span.number", Number.isFinite(value) ? String(Number(value.toPrecision(2))) : short(value)));
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

  /** Arrow keys move the crosshair while the matrix has the focus, Enter pins its output. */
  key(event) {
    const by = ARROWS[event.key];
    if (event.key === "Enter" && this.at) this.scene.pinLine({ col: this.at.c }, event.shiftKey);
    else if (!by || event.shiftKey || event.altKey || event.ctrlKey || event.metaKey) return;
    else {
      const within = (place, count) => Math.max(0, Math.min(count - 1, place));
      const { x, y } = this.at ?? { x: by[0] ? -by[0] : 0, y: by[1] ? -by[1] : 0 };
      this.moveTo(within(x + by[0], this.across.length), within(y + by[1], this.down.length));
      this.app.live.textContent = this.status.textContent;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  moveTo(x, y) {
    this.at = { x, y, ...this.cell(this.down[y], this.across[x]) };
    if (this.surface) {
      this.draw();
      this.say(this.at);
    } else {
      const td = this.table_.querySelector(`td[data-r="${this.at.r}"][data-c="${this.at.c}"]`);
      this.hover(td);
      td.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  }

  /** Show what is pinned. */
  mark() {
    const { span, rows } = this.scene.active();
    const within = (range, place) => Boolean(range && place !== undefined && place >= range[0] && place <= range[1]);
    for (const head of this.table_.querySelectorAll("th[data-col], th[data-row]")) {
      head.classList.toggle("picked", within(span, head.dataset.col) || within(rows, head.dataset.row));
    }
  }

  say(place) {
    const { view, words } = this.scene;
    if (!place) {
      this.status.textContent = (this.table_ && this.numbers() && cellUnit(this.scene.bound(null))) || " ";
      return;
    }
    const at = place.r * view.columns + place.c;
    const value = view.visible[at] ? view.scores[at] : null;
    const says = words.says ?? [words.raises, words.lowers, "does not change"];
    const tells = view.alone?.[at]
      ? "has no counterpart for"
      : value === null
        ? "is not visible to"
        : words.signed
          ? says[value > 0 ? 0 : value < 0 ? 1 : 2]
          : "influences";
    this.status.replaceChildren(fenced(view.inputs[place.r].label), ` ${tells} `, fenced(view.cols[place.c].label), value === null ? "" : `: ${signed(value, words.signed)}`);
  }

  canvas() {
    this.table_ = null;
    this.surface = h("canvas", {
      tabIndex: 0,
      "data-key": "matrix",
      role: "img",
      "aria-label": `Matrix of ${this.down.length} by ${this.across.length} scores; the table button below gives it as a table`,
      onkeydown: (event) => this.key(event),
    });
    this.surface.addEventListener("mousemove", (event) => this.point(event));
    this.surface.addEventListener("mouseleave", () => {
      this.at = null;
      this.draw();
      this.say(null);
    });
    this.surface.addEventListener("click", (event) => {
      this.point(event);
      if (this.at) this.scene.pinLine({ col: this.at.c }, event.shiftKey);
    });
    const button = h("button", { onclick: () => ((this.asTable = true), this.render(), (this.asTable = false)) }, "Show as a table");
    return h("div", h("div.scroll", this.surface), h("p", button));
  }

  size() {
    return Math.max(2, Math.min(18, Math.floor(1100 / Math.max(this.across.length, 1)))) * this.app.state.z;
  }

  draw() {
    const { app, scene } = this;
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
    const style = getComputedStyle(this.root);
    // cells as one picture, a pixel each, stretched: a fill per cell would be slow
    const pixels = new ImageData(columns, rows);
    const shades = this.shades();
    const lonely = hexPixel(style.getPropertyValue("--quiet"));
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const { c, value, alone } = this.cell(this.down[y], this.across[x]);
        // a chequer where there is no counterpart: no ramp has one
        if (alone && (x + y) % 2) pixels.data.set(lonely, (y * columns + x) * 4);
        if (alone || value === null) continue;
        const level = Math.round(Math.min(1, Math.max(-1, value / scene.bound(c))) * 127) + 127;
        const rgb = shades[level];
        if (rgb) pixels.data.set([rgb[0], rgb[1], rgb[2], 255], (y * columns + x) * 4);
      }
    }
    const small = new OffscreenCanvas(columns, rows);
    small.getContext("2d").putImageData(pixels, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small, margin, margin, columns * size, rows * size);
    pen.fillStyle = style.color;
    pen.strokeStyle = style.color;
    if (size >= 9) this.drawLabels(pen, size, margin);
    const mark = (first, last, vertical) => {
      const [from, length] = [margin + first * size, (last - first + 1) * size];
      if (vertical) pen.strokeRect(from, margin, length, rows * size);
      else pen.strokeRect(margin, from, columns * size, length);
    };
    const active = scene.active();
    const places = active.rows && scene.view.seen.flatMap((row, place) => (row >= active.rows[0] && row <= active.rows[1] ? [place] : []));
    if (active.span) mark(active.span[0], active.span[1], !app.state.x);
    if (places?.length) mark(places[0], places[places.length - 1], app.state.x);
    if (this.at) {
      mark(this.at.x, this.at.x, true);
      mark(this.at.y, this.at.y, false);
    }
  }

  shades() {
    return Array.from({ length: 255 }, (_, level) => this.app.painter.background((level - 127) / 127));
  }

  drawLabels(pen, size, margin) {
    pen.font = `${Math.min(12, size - 1)}px system-ui, sans-serif`;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    this.down.forEach((line, y) => pen.fillText(shortened(this.unit(line).label), margin - 4, margin + (y + 0.5) * size));
    pen.textAlign = "left";
    this.across.forEach((line, x) => {
      pen.save();
      pen.translate(margin + (x + 0.5) * size, margin - 4);
      pen.rotate(-Math.PI / 2);
      pen.fillText(shortened(this.unit(line).label), 0, 0);
      pen.restore();
    });
  }

  point(event) {
    const box = this.surface.getBoundingClientRect();
    const size = this.size();
    const margin = size >= 9 ? 110 : 8;
    const x = Math.floor((event.clientX - box.left - margin) / size);
    const y = Math.floor((event.clientY - box.top - margin) / size);
    if (x >= 0 && y >= 0 && x < this.across.length && y < this.down.length) this.moveTo(x, y);
  }
}

/** "#59606d" as a pixel. */
function hexPixel(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.trim().slice(at, at + 2), 16)).concat(110);
}

function shortened(text) {
  const letters = [...text];
  return letters.length > 15 ? `${letters.slice(0, 7).join("")}…${letters.slice(-7).join("")}` : text;
}
