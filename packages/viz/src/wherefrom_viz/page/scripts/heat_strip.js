// A strip beside a long text that shows, for all of it at once, where strong inputs stand. Clicking it scrolls there.

import { css } from "./colour.js";
import { h } from "./dom.js";

const WIDTH = 10; // pixels
const FAINT = 0.04; // of the strongest colour: not drawn

export class HeatStrip {
  constructor(pane) {
    this.pane = pane;
    this.root = h("canvas.strip", { "aria-hidden": "true", onclick: (event) => this.go(event.offsetY) });
    this.pen = this.root.getContext("2d");
    this.drawn = null;
    new ResizeObserver(() => this.drawn && this.paint(...this.drawn)).observe(pane);
  }

  go(y) {
    const { pane } = this;
    pane.scrollTop = (y / this.root.clientHeight) * pane.scrollHeight - pane.clientHeight / 2;
  }

  /** Draw the strengths of the tokens that stand in the pane. */
  paint(tokens, strength, painter) {
    this.drawn = [tokens, strength, painter];
    const { pane, root, pen } = this;
    root.hidden = pane.scrollHeight <= pane.clientHeight + 2;
    if (root.hidden) return;
    const height = pane.clientHeight;
    Object.assign(root, { width: WIDTH, height });
    const top = pane.getBoundingClientRect().top - pane.scrollTop;
    const scale = height / pane.scrollHeight;
    const strong = tokens
      .filter(({ element }) => pane.contains(element))
      .map(({ element, unit }) => ({ element, share: strength(unit) }))
      .filter(({ share }) => Math.abs(share) > FAINT)
      .sort((a, b) => Math.abs(a.share) - Math.abs(b.share));
    for (const { element, share } of strong) {
      const box = element.getBoundingClientRect();
      const rgb = painter.background(share);
      if (!rgb) continue;
      pen.fillStyle = css(rgb);
      pen.fillRect(0, (box.top - top) * scale, WIDTH, Math.max(2, box.height * scale));
    }
  }
}
