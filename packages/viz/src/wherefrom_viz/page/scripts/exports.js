// The current view as text or as a drawing, for papers and other programs.

import { css, textOn } from "./colour.js";
import { elided } from "./labels.js";
import { cellNumber, short, signed } from "./numbers.js";

const named = (unit, most = Infinity) => elided(unit.label, (text) => [...text].length <= most) + (unit.only ? ` (only in ${unit.only})` : "");
const cell = (view, r, c) => (view.visible[r * view.columns + c] && !view.alone?.[r * view.columns + c] ? view.scores[r * view.columns + c] : null);

/** A Markdown table; letters that mean something in Markdown are escaped. */
export function toMarkdown(view, plus = true) {
  const safe = (text) => text.replace(/[\\`*_{}[\]<>()#+\-.!|~$&]/g, "\\$&").replace(/[\r\n]/g, " ");
  const lines = [`| | ${view.cols.map((col) => safe(named(col))).join(" | ")} |`, `|---|${"---:|".repeat(view.columns)}`];
  for (const r of view.seen) {
    const cells = view.cols.map((_, c) => (cell(view, r, c) === null ? "" : signed(cell(view, r, c), plus)));
    lines.push(`| ${safe(named(view.inputs[r]))} | ${cells.join(" | ")} |`);
  }
  for (const [name, values] of Object.entries(view.stepScores)) {
    lines.push(`| *${safe(name)}* | ${values.map(short).join(" | ")} |`);
  }
  return lines.join("\n") + "\n";
}

/** Tab-separated values with all digits. Texts that a spreadsheet would run are quoted with an apostrophe. */
export function toTsv(view) {
  const safe = (text) => text.replace(/[\t\r\n]/g, " ").replace(/^[=+\-@]/, "'$&");
  const lines = [["side", "input", ...view.cols.map((col) => safe(named(col)))].join("\t")];
  for (const r of view.seen) {
    const unit = view.inputs[r];
    lines.push([unit.side, safe(named(unit)), ...view.cols.map((_, c) => cell(view, r, c) ?? "")].join("\t"));
  }
  for (const [name, values] of Object.entries(view.stepScores)) lines.push(["step", safe(name), ...values].join("\t"));
  return lines.join("\n") + "\n";
}

/** The view as JSON; cells a step could not see are null. Of a comparison, `difference` is A - B. */
export function toJson(names, view, state, pair = null) {
  const rows = (of) => of.seen.map((r) => of.cols.map((_, c) => cell(of, r, c)));
  const unit = ({ text, label, only }) => ({ text, ...(label !== text && { name: label }), ...(only && { only }) });
  const value = {
    ...names, // title and method; of a comparison those of A and B
    granularity: state.g,
    merge: state.m,
    normalization: pair ? "step" : state.n,
    inputs: view.seen.map((r) => ({ side: view.inputs[r].side, ...unit(view.inputs[r]) })),
    outputs: view.cols.map((col) => col.label),
    ...(pair ? { outputs_only_in: view.cols.map((col) => col.only || null), a: rows(pair.a), b: rows(pair.b), difference: rows(pair.difference), agreement: pair.agreement } : { scores: rows(view), step_scores: view.stepScores }),
  };
  return JSON.stringify(value, null, 1) + "\n";
}

/** The colours of scores from the lowest to the highest, with both in numbers. */
export function rampSvg(painter, bound, { x, y, ink, signs }) {
  const low = signs ? `−${short(bound)}` : "0";
  const from = x + 8 + 7 * low.length;
  const parts = [`<text x="${x}" y="${y + 11}" fill="${ink}" font-size="11">${low}</text>`];
  let at = from;
  for (let i = signs ? -8 : 0; i <= 8; i++, at += 9) {
    const rgb = painter.background(i / 8 / painter.intensity);
    parts.push(`<rect x="${at}" y="${y}" width="9" height="13" fill="${rgb ? css(rgb) : "none"}"/>`);
  }
  parts.push(`<rect x="${from}" y="${y}" width="${at - from}" height="13" fill="none" stroke="${ink}" stroke-opacity="0.4"/>`, `<text x="${at + 6}" y="${y + 11}" fill="${ink}" font-size="11">${signs ? "+" : ""}${short(bound)}</text>`);
  return parts;
}

export const escapeXml = (text) => text.replace(/[&<>"']/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[c]);

/** The matrix as a drawing. */
export function toSvg(view, painter, bound, { ink = "#111111", page = "#ffffff", title = "", legend = "", signs = true } = {}) {
  const label = Math.min(240, 20 + 7 * Math.max(...view.seen.map((r) => [...named(view.inputs[r])].length), 4));
  const upright = view.columns > 10 || view.cols.some((col) => [...named(col)].length > 9);
  const [width, height] = [upright ? 30 : 66, 22];
  const head = upright ? Math.min(160, 16 + 7 * Math.max(...view.cols.map((col) => [...named(col)].length))) : 24;
  const top = 26 + head;
  const names = Object.keys(view.stepScores);
  const total = [
    Math.max(label + width * view.columns + 12, 24 + 8 * [...title].length, 24 + 7 * [...legend].length),
    top + height * (view.seen.length + names.length) + (legend ? 58 : 14),
  ];
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${total[0]}" height="${total[1]}" viewBox="0 0 ${total[0]} ${total[1]}" font-family="DejaVu Sans, Noto Sans, Arial, sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="${page}"/>`,
    view.alone ? `<pattern id="alone" width="6" height="6" patternUnits="userSpaceOnUse"><path d="M0 6L6 0" stroke="${ink}" stroke-opacity="0.5"/></pattern>` : "",
    `<text x="8" y="17" font-weight="bold" fill="${ink}">${escapeXml(title)}</text>`,
  ];
  const write = (x, y, text, extra) => parts.push(`<text x="${x}" y="${y}" fill="${ink}" ${extra}>${escapeXml(text)}</text>`);
  view.cols.forEach((col, c) => {
    const x = label + c * width + width / 2;
    const text = named(col, 18);
    if (upright) write(x + 4, top - 5, text, `transform="rotate(-90 ${x + 4} ${top - 5})"`);
    else write(x, top - 7, text, 'text-anchor="middle" font-weight="bold"');
  });
  view.seen.forEach((r, place) => {
    const y = top + place * height;
    write(label - 6, y + 15, named(view.inputs[r], 24), 'text-anchor="end"');
    view.cols.forEach((_, c) => {
      const value = cell(view, r, c);
      const x = label + c * width;
      if (view.alone?.[r * view.columns + c]) parts.push(`<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="url(#alone)"/>`);
      if (value === null) return;
      const rgb = painter.background(value / bound);
      if (rgb) parts.push(`<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${css(rgb)}"/>`);
      const fill = rgb ? textOn(rgb) : ink;
      parts.push(`<text x="${x + width / 2}" y="${y + 15}" text-anchor="middle" font-size="10" fill="${fill}">${cellNumber(value, bound)}</text>`);
    });
  });
  names.forEach((name, place) => {
    const y = top + (view.seen.length + place) * height + 4;
    write(label - 6, y + 15, name, 'text-anchor="end" font-style="italic"');
    view.stepScores[name].forEach((value, c) => write(label + c * width + width / 2, y + 15, Number.isFinite(value) ? String(Number(value.toPrecision(2))) : short(value), 'text-anchor="middle" font-size="10"'));
  });
  if (legend) {
    write(8, total[1] - 10, legend, 'font-size="11"');
    parts.push(...rampSvg(painter, bound, { x: 8, y: total[1] - 44, ink, signs }));
  }
  return parts.join("\n") + "\n</svg>\n";
}
