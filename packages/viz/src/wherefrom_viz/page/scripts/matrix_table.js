// A matrix as a table: heads that stay in sight, a cell per score, step scores as bars under the outputs.

import { fenced, h, rowHead } from "./dom.js";
import { cellNumber, stepScore } from "./numbers.js";
import { mostOf } from "./units.js";

export class MatrixTable {
  constructor(matrix) {
    this.matrix = matrix;
    this.root = h("div.scroll", { tabIndex: 0, role: "region", "aria-label": "Matrix of scores", "data-key": "matrix", onkeydown: (event) => matrix.key(event) });
  }

  render() {
    const { matrix } = this;
    const { app, scene, across, down } = matrix;
    const upright = across.length > 14 || across.some((line) => [...matrix.unit(line).label].length > 14);
    const sections = down.map((line) => `${matrix.unit(line).side}${matrix.unit(line).output}`);
    const body = down.map((line, y) =>
      h(y && sections[y] !== sections[y - 1] ? "tr.section" : "tr", this.head(line, "row"), across.map((other) => this.cell(matrix.cell(line, other)))),
    );
    const cellOf = (event) => event.target.closest("td[data-r]");
    this.table = h(
      upright ? "table.upright" : "table",
      {
        onmouseover: (event) => this.hover(cellOf(event)),
        onmouseleave: () => this.hover(null),
        onclick: (event) => cellOf(event) && scene.pinLine({ col: Number(cellOf(event).dataset.c) }, event.shiftKey),
      },
      h("caption", this.caption()),
      h("thead", h("tr", h("td.corner", app.state.x ? "output ↓ input →" : "input ↓ output →"), across.map((line) => this.head(line, "col")))),
      h("tbody", body),
      h("tfoot", matrix.steps().map((step) => this.stepRow(step))),
    );
    this.table.style.setProperty("--zoom", app.state.z);
    this.table.style.setProperty("--steps", matrix.steps().length);
    this.root.replaceChildren(this.table);
  }

  caption() {
    const { title, words } = this.matrix.scene;
    const how = words.signed ? (words.of ? `${words.raises} (+) or ${words.lowers} (−) ${words.of}` : `is ${words.raises} (+) or ${words.lowers} (−)`) : `influences ${words.of || "each output"}`;
    return `${title || "Scores"}: how much each input ${how}`;
  }

  head(line, scope) {
    const { label, special, only } = this.matrix.unit(line);
    return h(
      special ? "th.special" : "th",
      { scope, "data-col": line.col, "data-row": line.row, onclick: (event) => this.matrix.scene.pinLine(line, event.shiftKey) },
      fenced(label),
      only && h("span.only", ` only ${only}`),
    );
  }

  cell({ r, c, value, alone }) {
    const { app, scene } = this.matrix;
    const numbers = this.matrix.numbers();
    const td = h("td", { "data-r": r, "data-c": c });
    if (alone) td.className = "alone";
    else if (value === null) {
      td.className = "hidden";
      td.textContent = "·";
    } else {
      app.painter.paint(td, value / scene.bound(c));
      td.textContent = numbers ? cellNumber(value, mostOf(scene)) : td.dataset.sign === "-" ? "−" : "";
    }
    return td;
  }

  stepRow({ name, values, heights }) {
    const bar = (value, i) => {
      const element = h(value < 0 ? "span.stepbar.below" : "span.stepbar");
      element.style.height = `${heights[i]}px`;
      return element;
    };
    return h("tr", rowHead(name), values.map((value, i) => h("td.step", bar(value, i), h("span.number", stepScore(value, 2)))));
  }

  /** Show what is pinned. */
  paint() {
    for (const head of this.table.querySelectorAll("th[data-col], th[data-row]")) {
      const { row, col } = head.dataset;
      head.classList.toggle("picked", Boolean(this.matrix.pinnedAmong([{ row, col }])));
    }
  }

  /** The pointer shows a cell; keys go on from where they were. */
  hover(td) {
    const place = td && { r: Number(td.dataset.r), c: Number(td.dataset.c) };
    this.mark(place);
    this.matrix.say(place && this.matrix.cell({ row: place.r }, { col: place.c }));
  }

  cross() {
    this.mark(this.matrix.at);
  }

  /** The crosshair: a cell and its heads. */
  mark(place) {
    for (const old of this.table.querySelectorAll(".cross")) old.classList.remove("cross");
    if (!place) return;
    const { r, c } = place;
    for (const part of this.table.querySelectorAll(`th[data-col="${c}"], th[data-row="${r}"], td[data-r="${r}"][data-c="${c}"]`)) part.classList.add("cross");
  }

  /** Scroll until the crosshair's cell is in sight above the step scores. */
  reveal() {
    this.root.style.scrollPaddingBottom = `${this.root.getBoundingClientRect().bottom - this.table.tFoot.getBoundingClientRect().top}px`;
    this.table.querySelector("td.cross").scrollIntoView({ block: "nearest", inline: "nearest" });
  }
}
