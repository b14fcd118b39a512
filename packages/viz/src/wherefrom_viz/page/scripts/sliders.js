// A slider for each inner dimension of a granular page (layer, head, …): its slices are the examples.

import { h } from "./dom.js";

export class Sliders {
  constructor(app) {
    this.app = app;
    this.all = app.meta.dimensions.map(({ name, labels }) => {
      const value = h("output");
      const range = h("input", { type: "range", min: 0, max: labels.length - 1, "aria-label": name, oninput: () => this.go() });
      return { range, value, labels, element: h("label.choice", h("span", name), range, value) };
    });
    this.root = this.all.length ? h("div.dimensions", this.all.map((slider) => slider.element)) : null;
  }

  go() {
    this.app.go(this.all.reduce((index, { labels, range }) => index * labels.length + Number(range.value), 0));
  }

  /** Put the sliders where the example is, however it was reached. */
  render() {
    let index = this.app.state.ex;
    for (const { range, value, labels } of [...this.all].reverse()) {
      const place = index % labels.length;
      range.value = place;
      range.setAttribute("aria-valuetext", labels[place]);
      value.textContent = labels[place];
      index = (index - place) / labels.length;
    }
  }
}
