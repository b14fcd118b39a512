// A large matrix on a canvas of the size of what is in sight. Labels of rows and columns and the bars of step scores stay
// at its edges while the cells scroll between them; labels are as many as fit, those of crosshair and pins first.

import { hexToRgb } from "./colour.js";
import { direction, h } from "./dom.js";
import { elided, labelled } from "./labels.js";
import { stepScore } from "./numbers.js";
import { inside, within } from "./state.js";

const LABEL = 14; // room of a label across its text, in pixels
const LONGEST = 140; // and along it
const GAP = 6; // between labels and cells
const STEP = 28; // height of a row of step scores

export class MatrixCanvas {
  constructor(matrix) {
    this.matrix = matrix;
    this.surface = h("canvas", {
      tabIndex: 0,
      "data-key": "matrix",
      role: "img",
      onkeydown: (event) => matrix.key(event),
      onmousemove: (event) => this.hover(event),
      onmouseleave: () => matrix.point(),
      onclick: (event) => this.pin(event),
    });
    this.extent = h("div", this.surface);
    this.frame = h("div.scroll", { onscroll: () => this.paint() }, this.extent);
    const button = h("button", { onclick: () => ((matrix.asTable = true), matrix.render(), (matrix.asTable = false)) }, "Show as a table");
    this.root = h("div", this.frame, h("p", button, " Of this drawing, paper holds what is in sight; the table is printed whole."));
    this.pen = this.surface.getContext("2d");
    new ResizeObserver(() => this.paint()).observe(this.frame);
  }

  /** Take up new scores or settings. They are drawn by `paint`, once the canvas is in the page. */
  render() {
    const { app, across, down } = this.matrix;
    this.surface.setAttribute("aria-label", `Matrix of ${down.length} by ${across.length} scores; the table button below gives it as a table`);
    this.style = getComputedStyle(app.root);
    this.size = within(Math.round(within(Math.floor(1100 / across.length), 2, 18) * app.state.z ** 2), 1, 40);
    this.steps = this.matrix.steps();
    this.fitting = new Map();
    this.setFont(true);
    const widest = (texts) => texts.reduce((most, text) => Math.max(most, this.pen.measureText(text).width), 0);
    const labels = (lines) => lines.map((line) => this.matrix.unit(line).label);
    this.longest = { row: widest([...labels(down), ...this.steps.map(({ name }) => `${name} −0.000`)]), column: widest(labels(across)) };
    this.picture = this.cells();
    this.anew = true;
  }

  /** The scores as a picture, a pixel each: a fill per cell would be slow. */
  cells() {
    const { app, scene, across, down } = this.matrix;
    const pixels = new ImageData(across.length, down.length);
    const shades = Array.from({ length: 255 }, (_, level) => app.painter.background((level - 127) / 127));
    const lonely = [...hexToRgb(this.colour("quiet")), 110];
    down.forEach((line, y) =>
      across.forEach((other, x) => {
        const { c, value, alone } = this.matrix.cell(line, other);
        const at = (y * across.length + x) * 4;
        // a chequer where there is no counterpart: no ramp has one
        if (alone && (x + y) % 2) pixels.data.set(lonely, at);
        if (alone || value === null) return;
        const rgb = shades[Math.round(within(value / scene.bound(c), -1, 1) * 127) + 127];
        if (rgb) pixels.data.set([...rgb, 255], at);
      }),
    );
    const picture = new OffscreenCanvas(across.length, down.length);
    picture.getContext("2d").putImageData(pixels, 0, 0);
    return picture;
  }

  colour(name) {
    return this.style.getPropertyValue(`--${name}`).trim();
  }

  setFont(strong) {
    this.pen.font = `${strong ? "bold " : ""}12px ${this.style.fontFamily}`;
  }

  /** Draw what is in sight. */
  paint() {
    const { frame, pen, matrix } = this;
    if (!frame.clientWidth) return; // not in the page yet
    this.lay();
    const { width, bottom, left, top, size, x, y } = this;
    const ink = this.style.color;
    const pins = { x: matrix.pinnedAmong(matrix.across), y: matrix.pinnedAmong(matrix.down) };
    pen.lineWidth = 1;
    pen.strokeStyle = ink;
    this.clipped(left, top, width - left, bottom - top, () => {
      const [columns, rows] = [x.last - x.first + 1, y.last - y.first + 1];
      pen.imageSmoothingEnabled = false;
      pen.drawImage(this.picture, x.first, y.first, columns, rows, x.at(x.first), y.at(y.first), columns * size, rows * size);
      const outline = (across, first, last) => {
        const [from, length] = [(across ? x : y).at(first) - pen.lineWidth / 2, (last - first + 1) * size + pen.lineWidth];
        pen.strokeRect(...(across ? [from, y.at(0), length, matrix.down.length * size] : [x.at(0), from, matrix.across.length * size, length]));
      };
      const { at } = matrix;
      if (at) outline(true, at.x, at.x);
      if (at) outline(false, at.y, at.y);
      pen.lineWidth = 2;
      if (pins.x) outline(true, ...pins.x);
      if (pins.y) outline(false, ...pins.y);
    });
    this.clipped(0, top, left, bottom - top, () => this.labels(y, matrix.down, matrix.at?.y, pins.y));
    this.clipped(left, 0, width - left, top, () => this.labels(x, matrix.across, matrix.at?.x, pins.x));
    this.steps.forEach((step, i) => this.bars(step, bottom + (i + 1) * STEP));
  }

  /** Where everything is: margins, the lines in sight, and the canvas as large as what is to be seen of all. */
  lay() {
    const { frame, surface, pen, matrix, size } = this;
    const margin = (longest, most) => Math.ceil(Math.min(longest, most)) + 2 * GAP;
    const left = (this.left = margin(this.longest.row, Math.min(LONGEST, frame.clientWidth / 4)));
    const top = (this.top = margin(this.longest.column, LONGEST));
    const foot = this.steps.length * STEP;
    const whole = [left + matrix.across.length * size, top + matrix.down.length * size + foot];
    [this.extent.style.width, this.extent.style.height] = whole.map((length) => `${length}px`);
    const { anew } = this;
    if (anew) this.scrollBack();
    const width = (this.width = Math.min(whole[0], frame.clientWidth));
    const height = Math.min(whole[1], frame.clientHeight);
    this.bottom = height - foot;
    if (anew && matrix.at) this.bringIn();
    const axis = (from, to, scrolled, count) => ({
      at: (place) => from - scrolled + place * size,
      place: (pixel) => (pixel < from || pixel >= to ? -1 : Math.floor((pixel - from + scrolled) / size)),
      first: Math.floor(scrolled / size),
      last: Math.min(count - 1, Math.floor((scrolled + to - from - 1) / size)),
      from,
      to,
    });
    this.x = axis(left, width, frame.scrollLeft, matrix.across.length);
    this.y = axis(top, this.bottom, frame.scrollTop, matrix.down.length);
    this.before = { size, left: frame.scrollLeft, top: frame.scrollTop };
    const ratio = window.devicePixelRatio || 1;
    [surface.width, surface.height] = [width * ratio, height * ratio];
    [surface.style.width, surface.style.height] = [`${width}px`, `${height}px`];
    pen.scale(ratio, ratio);
  }

  /** Scroll to where it was; what was zoomed keeps the cell with the crosshair, else the middle, in its place. */
  scrollBack() {
    const { frame, before, size } = this;
    this.anew = false;
    if (!before) return;
    const { at } = this.matrix;
    const moved = (scrolled, place, room) => {
      const held = place ?? (scrolled + room / 2) / before.size;
      return scrolled + held * (size - before.size);
    };
    frame.scrollLeft = moved(before.left, at?.x, frame.clientWidth - this.left);
    frame.scrollTop = moved(before.top, at?.y, frame.clientHeight - this.top);
  }

  clipped(x, y, width, height, draw) {
    const { pen } = this;
    pen.save();
    pen.beginPath();
    pen.rect(x, y, width, height);
    pen.clip();
    draw();
    pen.restore();
  }

  /** The labels of rows or of columns: those in sight that have room. */
  labels(axis, lines, crossed, pins) {
    const wanted = [crossed, ...(pins ?? [])];
    for (const place of labelled(axis.first, axis.last, Math.ceil(LABEL / this.size), wanted)) {
      // the crosshair's is whole at the edge too
      const middle = place === crossed ? within(axis.at(place + 0.5), axis.from + LABEL / 2, axis.to - LABEL / 2) : axis.at(place + 0.5);
      const { label, special } = this.matrix.unit(lines[place]);
      const look = { special, crossed: place === crossed, pinned: inside(pins, place) };
      if (axis === this.y) this.label(label, this.left - GAP, middle, this.left - 2 * GAP, look);
      else this.label(label, middle, this.top - GAP, this.top - 2 * GAP, look, true);
    }
  }

  /** A label that ends at a place, or, upright, begins there. */
  label(text, x, y, room, { special, crossed, pinned }, upright = false) {
    const { pen } = this;
    pen.save();
    pen.translate(x, y);
    if (upright) pen.rotate(-Math.PI / 2);
    this.setFont(crossed || pinned);
    pen.textAlign = upright ? "left" : "right";
    pen.textBaseline = "middle";
    pen.direction = direction([{ text }]);
    const fitting = this.fitted(text, room);
    if (crossed || pinned) {
      const length = pen.measureText(fitting).width + 4;
      const box = [upright ? -2 : 2 - length, -LABEL / 2, length, LABEL];
      pen.fillStyle = this.colour("soft");
      pen.fillRect(...box);
      if (pinned) pen.strokeRect(...box);
    }
    pen.fillStyle = special && !crossed ? this.colour("quiet") : this.style.color;
    pen.fillText(fitting, 0, 1);
    pen.restore();
  }

  fitted(text, room) {
    const key = [this.pen.font, room, text].join("\n");
    if (!this.fitting.has(key)) this.fitting.set(key, elided(text, (part) => this.pen.measureText(part).width <= room));
    return this.fitting.get(key);
  }

  /** A row of bars that stands on `base`, a bar under each output; hollow ones are below zero. */
  bars({ name, values, heights }, base) {
    const { pen, x, left, width, size } = this;
    const { at } = this.matrix;
    const told = at ? `${name} ${stepScore(values[at.x])}` : name;
    this.label(told, left - GAP, base - STEP / 2, left - 2 * GAP, {});
    pen.fillStyle = this.colour("line");
    pen.fillRect(0, base - STEP, width, 1);
    this.clipped(left, base - STEP, width - left, STEP, () => {
      for (let place = x.first; place <= x.last; place++) {
        const value = values[place];
        const [wide, high] = [Math.max(1, size * 0.7), heights[place]];
        const box = [x.at(place + 0.5) - wide / 2, base - high, wide, high];
        pen.fillStyle = pen.strokeStyle = place === at?.x ? this.style.color : this.colour("quiet");
        if (value < 0 && wide > 3) pen.strokeRect(...box);
        else pen.fillRect(...box);
      }
    });
  }

  /** What is under the pointer, as places in the lines; -1 where a label, or a bar, is. */
  spot(event) {
    const box = this.surface.getBoundingClientRect();
    return { x: this.x.place(event.clientX - box.left), y: this.y.place(event.clientY - box.top) };
  }

  /** The crosshair follows the pointer; on a label it follows along one side. */
  hover(event) {
    const { x, y } = this.spot(event);
    const { at } = this.matrix;
    if (x < 0 && y < 0) this.matrix.point();
    else this.matrix.point(x < 0 ? at?.x ?? this.x.first : x, y < 0 ? at?.y ?? this.y.first : y);
  }

  /** A cell pins its output, a label its line. */
  pin(event) {
    this.hover(event);
    const { matrix } = this;
    const { x, y } = this.spot(event);
    const line = x >= 0 && y >= 0 ? { col: matrix.at.c } : matrix.down[y] ?? matrix.across[x];
    if (line) matrix.scene.pinLine(line, event.shiftKey);
  }

  cross() {
    this.paint();
  }

  reveal() {
    this.bringIn();
    this.frame.scrollIntoView({ block: "nearest" });
  }

  /** Scroll until the crosshair's cell is in sight. */
  bringIn() {
    const { frame, size } = this;
    const { x, y } = this.matrix.at;
    const nearest = (place, scrolled, room) => within(scrolled, (place + 1) * size - room, place * size);
    frame.scrollLeft = nearest(x, frame.scrollLeft, this.width - this.left);
    frame.scrollTop = nearest(y, frame.scrollTop, this.bottom - this.top);
  }
}
