// The reading view as a drawing: what it shows, where it stands on the page.

import { textOn } from "./colour.js";
import { rampSvg, textSvg, wholeSvg } from "./exports.js";

const MARGIN = 16;

/** The coloured text as SVG. */
export function toTextSvg(app, { ink, page, title, legend, signs }) {
  const { root, tokens } = app.views.read;
  const texts = root.querySelector(".texts");
  // in panes, texts are taller than what is in sight: they are drawn whole, one below the other
  const parts = [];
  let [y, width] = [34, 320];
  for (const block of texts.querySelectorAll(".block")) {
    const origin = block.getBoundingClientRect();
    const write = (element, text, fill = ink) => {
      for (const box of lines(element, text)) parts.push(textSvg(MARGIN + box.left - origin.left, y + box.bottom - origin.top - box.height * 0.27, fill, box.text, `font-size="${size(element)}"`));
    };
    for (const head of block.querySelectorAll("h2, .segment")) write(head, head.textContent);
    for (const { element } of tokens) {
      if (!block.contains(element)) continue;
      const fill = element.style.backgroundColor;
      for (const box of element.getClientRects()) {
        if (fill) parts.push(`<rect x="${MARGIN + box.left - origin.left}" y="${y + box.top - origin.top}" width="${box.width}" height="${box.height}" rx="3" fill="${fill}"/>`);
      }
      write(element, element.textContent, fill ? textOn(fill.match(/\d+/g).map(Number)) : ink);
    }
    for (const glyph of block.querySelectorAll(".glyph")) write(glyph, glyph.textContent);
    y += origin.height + 14;
    width = Math.max(width, origin.width);
  }
  parts.push(...rampSvg(app.painter, app.shownRange(), { x: MARGIN, y: y + 6, ink, signs }), textSvg(MARGIN, y + 38, ink, legend, 'font-size="11"'));
  return wholeSvg([width + 2 * MARGIN, y + 52], page, ink, title, parts);
}

const size = (element) => parseFloat(getComputedStyle(element).fontSize);

/** The text of an element line by line, each with its place. */
function lines(element, text) {
  const boxes = [...element.getClientRects()];
  if (boxes.length < 2) return boxes.map(({ left, bottom, height }) => ({ left, bottom, height, text: text.trimEnd() }));
  const found = [];
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    for (let i = 0; i < node.length; i++) {
      const range = document.createRange();
      range.setStart(node, i);
      range.setEnd(node, i + 1);
      const box = range.getBoundingClientRect();
      const last = found[found.length - 1];
      if (last && Math.abs(last.bottom - box.bottom) < 2) last.text += node.data[i];
      else if (box.height) found.push({ left: box.left, bottom: box.bottom, height: box.height, text: node.data[i] });
    }
  }
  return found.filter((line) => line.text.trim());
}
