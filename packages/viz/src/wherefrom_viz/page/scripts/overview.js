// All slices of a granular page as small multiples: a row for each layer, a column for each head; a click opens one.
// All share one colour scale, so that a strong head looks strong.

import { css } from "./colour.js";
import { answered, h, wrong } from "./dom.js";
import { placesOf } from "./sliders.js";

const MOST = 1024; // slices; more are left to the sliders
const CELLS = 24; // cells along a side of a small multiple, each the strongest of those it stands for

export class Overview {
  constructor(app) {
    this.app = app;
    const { dimensions, n } = app.meta;
    this.root = null;
    if (!dimensions.length || n > MOST) return;
    this.columns = dimensions[dimensions.length - 1].labels.length;
    this.small = []; // of each slice its cells, once they are known
    this.lines = h("div.multiples", { role: "listbox", tabIndex: 0, "aria-label": "All slices", onkeydown: (event) => this.key(event) });
    this.lines.style.gridTemplateColumns = `repeat(${this.columns}, auto)`;
    this.thumbs = Array.from({ length: n }, (_, index) => {
      const name = this.name(index);
      const canvas = h("canvas", { "aria-hidden": "true" });
      return h("div.multiple", { role: "option", id: `${app.id}-s${index}`, "aria-label": name, title: name, "aria-selected": "false", onclick: () => app.go(index) }, canvas);
    });
    this.lines.append(...this.thumbs);
    this.root = h("details.overview", { open: true, ontoggle: () => this.load() }, h("summary", dimensions.length > 1 ? `All slices: ${dimensions.slice(0, -1).map(({ name }) => name).join(", ")} ↓ ${dimensions[dimensions.length - 1].name} →` : "All slices"), h("div.scroll", this.lines), (this.says = h("div")));
  }

  /** Labels of a slice along all dimensions. */
  name(index) {
    const { dimensions } = this.app.meta;
    return placesOf(index, dimensions).map((place, which) => dimensions[which].labels[place]).join(" · ");
  }

  key(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.columns, ArrowUp: -this.columns }[event.key];
    if (!by) return;
    this.app.go(this.app.state.ex + by);
    answered(event);
  }

  render() {
    if (!this.root) return;
    this.thumbs.forEach((thumb, index) => thumb.setAttribute("aria-selected", index === this.app.state.ex));
    this.lines.setAttribute("aria-activedescendant", this.thumbs[this.app.state.ex].id);
    const { c, s } = this.app.state;
    const look = [c, s, this.app.theme()].join();
    if (look !== this.look) this.small.forEach((_, index) => this.draw(index));
    this.look = look;
    this.load();
  }

  /** Read the slices, one block after the other, and draw each. */
  async load() {
    if (this.loading || !this.root.open) return;
    this.loading = true;
    try {
      for (let index = this.small.length; index < this.thumbs.length; index++) {
        this.small[index] = reduced(await this.app.store.example(index));
        this.draw(index);
        if (index % 16 === 15) await new Promise((done) => setTimeout(done));
      }
      this.says.replaceChildren();
      this.root.dataset.drawn = "true";
    } catch (error) {
      this.says.replaceChildren(wrong(error));
      this.loading = false; // it goes on when another slice is opened
    }
  }

  draw(index) {
    const canvas = this.thumbs[index].firstChild;
    const { rows, columns, cells } = this.small[index];
    [canvas.width, canvas.height] = [columns, rows];
    const context = canvas.getContext("2d");
    cells.forEach((value, at) => {
      const rgb = this.app.painter.background(value / this.app.meta.raw);
      if (!rgb) return;
      context.fillStyle = css(rgb);
      context.fillRect(at % columns, Math.floor(at / columns), 1, 1);
    });
  }
}

/** A slice's matrix in at most CELLS by CELLS cells, each the strongest of those it stands for. */
export function reduced(example) {
  const steps = example.last - example.first;
  const total = steps ? example.scores.length / steps : 0;
  const [rows, columns] = [Math.min(total, CELLS) || 1, Math.min(steps, CELLS) || 1];
  const cells = new Float64Array(rows * columns);
  for (let r = 0; r < total; r++) {
    for (let c = 0; c < steps; c++) {
      const value = example.scores[r * steps + c];
      const at = Math.floor((r * rows) / total) * columns + Math.floor((c * columns) / steps);
      if (Math.abs(value) > Math.abs(cells[at])) cells[at] = value;
    }
  }
  return { rows, columns, cells };
}
