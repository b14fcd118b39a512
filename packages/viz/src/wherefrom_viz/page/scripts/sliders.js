// A slider for each inner dimension of a granular page (layer, head, …): its slices are the examples.

import { h } from "./dom.js";

/** The place along each dimension of the slice with a number: the last dimension is the fastest. */
export function placesOf(index, dimensions) {
  return dimensions.reduceRight((places, { labels }) => {
    places.unshift(index % labels.length);
    index = Math.floor(index / labels.length);
    return places;
  }, []);
}

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
    const places = placesOf(this.app.state.ex, this.all);
    this.all.forEach(({ range, value, labels }, which) => {
      const label = labels[places[which]];
      range.value = places[which];
      range.setAttribute("aria-valuetext", label);
      value.textContent = label;
    });
  }
}
