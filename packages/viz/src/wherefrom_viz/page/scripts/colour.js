// Colours of scores. The ramps come from the page's data, so that every view has the same.

/** "#d64541" as three numbers. */
export function hexToRgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/** Colour at `strength` (0 to 1) of a ramp of evenly spaced stops. */
export function rampColour(stops, strength) {
  const place = Math.min(Math.max(strength, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(place), stops.length - 2);
  const share = place - low;
  return stops[low].map((a, channel) => Math.round(a + (stops[low + 1][channel] - a) * share));
}

/** Relative luminance, WCAG 2.2. */
export function luminance(rgb) {
  const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Black or white, whichever is easier to read on `rgb`. */
export function textOn(rgb) {
  const light = luminance(rgb);
  return (light + 0.05) / 0.05 >= 1.05 / (light + 0.05) ? "#000000" : "#ffffff";
}

/** The colours from the lowest to the highest score, as legends show them. */
export const shades = (painter, signs) => Array.from({ length: signs ? 17 : 9 }, (_, i) => painter.background((signs ? i - 8 : i) / 8 / painter.intensity));

/** Paints scores scaled to [-1, 1] for one palette and theme. */
export class Painter {
  constructor(palette, theme, intensity = 1) {
    this.intensity = intensity;
    this.ramps = palette[theme].map((ramp) => ramp.map(hexToRgb));
  }

  /** Background of a score, or null where there is nothing to see. */
  background(strength) {
    const size = Math.min(1, Math.abs(strength) * this.intensity);
    if (!(size > 0.01)) return null;
    return rampColour(this.ramps[strength >= 0 ? 0 : 1], size);
  }

  /** Paint an element; the sign is also in `data-sign`, for readers and printers without colour. */
  paint(element, strength) {
    const rgb = this.background(strength);
    element.style.backgroundColor = rgb ? css(rgb) : "";
    element.style.color = rgb ? textOn(rgb) : "";
    if (rgb && Math.abs(strength) > 0.04) element.dataset.sign = strength > 0 ? "+" : "-";
    else delete element.dataset.sign;
  }
}

export function css(rgb) {
  return `rgb(${rgb[0]}, ${rgb[1]}, ${rgb[2]})`;
}
