// The list of examples: search, sort, and only the lines in sight are in the page.

import { h, fenced } from "./dom.js";
import { found, SORTS } from "./search.js";
import { within } from "./state.js";

const LINE = 46; // pixels, as in the style sheet

export class ListView {
  constructor(app) {
    this.app = app;
    this.sort = "order";
    this.entries = [];
    this.trouble = ""; // why the list ends early
    this.hits = [];
    this.search = h("input", { type: "search", placeholder: "Search", "aria-label": "Search examples", oninput: () => this.filter() });
    this.sorter = h(
      "select",
      { "aria-label": "Sort examples", onchange: () => this.filter() },
      Object.entries(SORTS).map(([key, { label }]) => h("option", { value: key }, label)),
    );
    this.count = h("p.count", { role: "status" });
    this.space = h("div.space", { role: "presentation" });
    this.lines = h("div.lines", {
      role: "listbox",
      tabIndex: 0,
      "aria-label": "Examples",
      onscroll: () => this.draw(),
    });
    this.lines.append(this.space);
    this.root = h("nav.list", { "aria-label": "Examples" }, this.search, this.sorter, this.count, this.lines);
  }

  /** Take in the next lines of the list. */
  add(entries) {
    const known = this.entries.length;
    for (const entry of entries) this.entries.push(entry);
    this.filter();
    if (this.app.state.ex >= known && this.app.state.ex < this.entries.length) this.reveal();
  }

  /** The rest of the list cannot be had: say why. */
  incomplete(error) {
    this.trouble = error.message;
    this.filter();
  }

  filter() {
    this.hits = found(this.entries, this.search.value, this.sorter.value);
    const { n } = this.app.meta;
    const rest = this.entries.length < n ? `, ${n} in all${this.trouble ? `. ${this.trouble}` : ", reading the list…"}` : "";
    this.count.textContent = `${this.hits.length} of ${this.entries.length}${rest}`;
    this.space.style.height = `${this.hits.length * LINE}px`;
    this.draw();
  }

  /** The example `by` places further in the list as it is filtered and sorted. */
  neighbour(index, by) {
    const at = this.hits.indexOf(index);
    if (at < 0) return this.hits[0] ?? index;
    return this.hits[within(at + by, 0, this.hits.length - 1)];
  }

  /** Scroll to the current example and mark it. */
  reveal() {
    const at = this.hits.indexOf(this.app.state.ex);
    const top = at * LINE;
    if (at >= 0 && (top < this.lines.scrollTop || top + LINE > this.lines.scrollTop + this.lines.clientHeight)) {
      this.lines.scrollTop = top - this.lines.clientHeight / 2;
    }
    this.draw();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.lines.scrollTop / LINE) - 3);
    const last = Math.min(this.hits.length, first + Math.ceil((this.lines.clientHeight || 600) / LINE) + 6);
    const shown = [];
    for (let at = first; at < last; at++) {
      const index = this.hits[at];
      const entry = this.entries[index];
      const line = h(
        "div.line",
        {
          role: "option",
          id: `${this.app.id}-e${index}`,
          "aria-selected": String(index === this.app.state.ex),
          "aria-setsize": this.hits.length,
          "aria-posinset": at + 1,
          onclick: () => this.app.go(index),
        },
        h("span.name", fenced(entry.title || `example ${index + 1}`)),
        h("span.text", fenced(entry.text)),
      );
      line.style.top = `${at * LINE}px`;
      shown.push(line);
    }
    this.space.replaceChildren(...shown);
    const current = shown.find((line) => line.getAttribute("aria-selected") === "true");
    if (current) this.lines.setAttribute("aria-activedescendant", current.id);
    else this.lines.removeAttribute("aria-activedescendant");
  }
}
