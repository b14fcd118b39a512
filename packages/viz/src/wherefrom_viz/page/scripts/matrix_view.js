// Scores as a matrix: inputs down, outputs across. A real table while it is small, a canvas with the same keys when large.
// What is drawn is a scene: {view, words, title, bound(c), active(), pinLine(line, extend)}. The page's own example is one.

import { answered, fenced, h, keepingFocus } from "./dom.js";
import { MatrixCanvas } from "./matrix_canvas.js";
import { MatrixTable } from "./matrix_table.js";
import { cellUnit, signed } from "./numbers.js";
import { inside, within } from "./state.js";
import { mostOf, shownRows } from "./units.js";

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
    const { app, scene } = this;
    const rows = shownRows(scene.view).map((row) => ({ row }));
    const columns = scene.view.cols.map((_, col) => ({ col }));
    [this.across, this.down] = app.state.x ? [rows, columns] : [columns, rows];
    const shape = [app.state.ex, app.state.b, app.state.g, app.state.x, rows.length, columns.length].join();
    const large = rows.length * columns.length > MOST_CELLS && !this.asTable;
    if (shape !== this.shape || large !== this.drawing instanceof MatrixCanvas) {
      this.at = null; // the cell with the crosshair
      this.drawing = large ? new MatrixCanvas(this) : new MatrixTable(this);
    }
    this.shape = shape;
    if (this.at) Object.assign(this.at, this.cell(this.down[this.at.y], this.across[this.at.x]));
    this.drawing.render();
    this.status = h("p.status");
    keepingFocus(this.root, () => this.root.replaceChildren(this.drawing.root, this.status));
    this.paint();
    if (this.at) this.drawing.cross();
    this.say(this.at);
  }

  paint() {
    this.drawing?.paint();
  }

  unit(line) {
    const { view } = this.scene;
    return line.row !== undefined ? view.inputs[line.row] : view.cols[line.col];
  }

  /** Places of the first and the last of these lines that are pinned, or null. */
  pinnedAmong(lines) {
    const { span, rows } = this.scene.active();
    const places = [...lines.keys()].filter((place) => {
      const { row, col } = lines[place];
      const [range, at] = row !== undefined ? [rows, row] : [span, col];
      return inside(range, at);
    });
    return places.length ? [places[0], places[places.length - 1]] : null;
  }

  /** Where two lines cross: row, column, the score (null if hidden), and whether it has no counterpart in what it is compared with. */
  cell(down, across) {
    const { view } = this.scene;
    const [r, c] = down.row !== undefined ? [down.row, across.col] : [across.row, down.col];
    const at = r * view.columns + c;
    return { r, c, value: view.visible[at] ? view.scores[at] : null, alone: Boolean(view.alone?.[at]) };
  }

  /** Step scores to draw as bars under the outputs, each with how high these are, in pixels: 22 is a probability of 1, else the largest magnitude. */
  steps() {
    return this.app.state.x
      ? []
      : Object.entries(this.scene.view.stepScores).map(([name, values]) => {
          const sizes = values.filter(Number.isFinite).map(Math.abs);
          const most = name === "probability" ? 1 : Math.max(...sizes, 1e-30);
          return { name, values, heights: Array.from(values, (value) => Math.max(1, Math.min(1, Math.abs(value) / most || 0) * 22)) };
        });
  }

  /** Should cells hold numbers? */
  numbers() {
    return this.app.state.num ?? (this.across.length <= 24 || this.app.state.z >= 1.5);
  }

  /** Arrow keys move the crosshair while the matrix has the focus, Enter pins its output, i its input. */
  key(event) {
    const { at, scene } = this;
    const by = ARROWS[event.key];
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (by) this.move(by, event.shiftKey);
    else if (at && event.key === "Enter") scene.pinLine({ col: at.c }, event.shiftKey);
    else if (at && event.key.toLowerCase() === "i") scene.pinLine({ row: at.r }, event.shiftKey);
    else return;
    answered(event);
  }

  /** The crosshair one cell on; `widen` pins the lines it comes from and goes to, beside those that are pinned. */
  move([right, down], widen) {
    const lines = ({ x, y }) => (right ? this.across[x] : this.down[y]);
    const before = this.at;
    const { x, y } = before ?? { x: right ? -right : 0, y: down ? -down : 0 };
    this.point(within(x + right, 0, this.across.length - 1), within(y + down, 0, this.down.length - 1));
    this.drawing.reveal();
    this.app.live.textContent = this.status.textContent;
    if (!widen) return;
    if (before && !this.pinnedAmong([lines(before)])) this.scene.pinLine(lines(before));
    this.scene.pinLine(lines(this.at), true);
  }

  /** Put the crosshair on a cell, or take it away. */
  point(x, y) {
    this.at = x === undefined ? null : { x, y, ...this.cell(this.down[y], this.across[x]) };
    this.drawing.cross();
    this.say(this.at);
  }

  say(place) {
    const { view, words } = this.scene;
    if (!place) {
      this.status.textContent = (this.drawing instanceof MatrixTable && this.numbers() && cellUnit(mostOf(this.scene))) || " ";
      return;
    }
    const { r, c, value, alone } = place;
    const says = words.says ?? [words.raises, words.lowers, "does not change"];
    const tells = alone ? "has no counterpart for" : value === null ? "is not visible to" : words.signed ? says[value > 0 ? 0 : value < 0 ? 1 : 2] : "influences";
    this.status.replaceChildren(fenced(view.inputs[r].label), ` ${tells} `, fenced(view.cols[c].label), value === null ? "" : `: ${signed(value, words.signed)}`);
  }
}
