// The current view as text or as a drawing, for papers and other programs.

import { css, shades, textOn } from "./colour.js";
import { elided } from "./labels.js";
import { cellNumber, cellUnit, rangeEnds, signed, stepScore } from "./numbers.js";
import { mostOf, shownRows } from "./units.js";

const named = (unit, most = Infinity) => elided(unit.label, (text) => [...text].length <= most) + (unit.only ? ` (only in ${unit.only})` : "");
/** The score of a cell; null where there is none, or no number. */
function cell({ visible, alone, lost, scores, columns }, r, c) {
  const at = r * columns + c;
  return visible[at] && !alone?.[at] && !lost?.has(at) ? scores[at] : null;
}

/** A Markdown table with its title and what is said of it below; letters that mean something in Markdown are escaped. */
export function toMarkdown(view, { title, notes, signs }) {
  const safe = (text) => text.replace(/[\\`*_{}[\]<>()#+\-.!|~$&:@]/g, "\\$&").replace(/[\r\n]/g, " ");
  const lines = [title && `**${safe(title)}**`, "", `| | ${view.cols.map((col) => safe(named(col))).join(" | ")} |`, `|---|${"---:|".repeat(view.columns)}`];
  const written = (value) => (value === null ? "" : signed(value, signs));
  for (const r of view.seen) {
    lines.push(`| ${safe(named(view.inputs[r]))} | ${view.cols.map((_, c) => written(cell(view, r, c))).join(" | ")} |`);
  }
  for (const [name, values] of Object.entries(view.stepScores)) {
    lines.push(`| *${safe(name)}* | ${values.map((value) => stepScore(value)).join(" | ")} |`);
  }
  return [...lines, "", safe(notes), ""].join("\n");
}

/** Tab-separated values with all digits. Texts that a spreadsheet would run are quoted with an apostrophe. */
export function toTsv(view) {
  const safe = (text) => text.replace(/[\t\r\n]/g, " ").replace(/^ *[=+\-@＝＋－＠]/, "'$&");
  const lines = [["side", "input", ...view.cols.map((col) => safe(named(col)))].join("\t")];
  for (const r of view.seen) {
    const unit = view.inputs[r];
    lines.push([unit.side, safe(named(unit)), ...view.cols.map((_, c) => cell(view, r, c) ?? "")].join("\t"));
  }
  for (const [name, values] of Object.entries(view.stepScores)) lines.push(["step", safe(name), ...[...values].map((value) => (Number.isFinite(value) ? value : ""))].join("\t"));
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
    inputs: view.seen.map((r) => ({ "side": view.inputs[r].side, ...unit(view.inputs[r]) })),
    outputs: view.cols.map((col) => col.label),
    ...(pair ? { outputs_only_in: view.cols.map((col) => col.only || null), a: rows(pair.a), b: rows(pair.b), difference: rows(pair.difference), agreement: pair.agreement } : { "scores": rows(view), step_scores: view.stepScores }),
  };
  return JSON.stringify(value, null, 1) + "\n";
}

const escapeXml = (text) => text.replace(/[&<>"']/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[c]);

/** A text of a drawing. */
export const textSvg = (x, y, fill, text, extra = "") => `<text x="${x}" y="${y}" fill="${fill}" ${extra}>${escapeXml(text)}</text>`;

/** A drawing of this size on this colour, with a title. */
export const wholeSvg = ([width, height], page, ink, title, parts) =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="DejaVu Sans, Noto Sans, Arial, sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="${page}"/>`,
    textSvg(8, 17, ink, title, 'font-weight="bold"'),
    ...parts,
    "</svg>\n",
  ].join("\n");

/** The colours of scores from the lowest to the highest, with both in numbers. */
export function rampSvg(painter, range, { x, y, ink, signs }) {
  const [low, high] = rangeEnds(range, signs);
  const from = x + 8 + 7 * low.length;
  const write = (x, text) => parts.push(textSvg(x, y + 11, ink, text, 'font-size="11"'));
  const parts = [];
  write(x, low);
  let at = from;
  for (const rgb of shades(painter, signs)) {
    parts.push(`<rect x="${at}" y="${y}" width="9" height="13" fill="${rgb ? css(rgb) : "none"}"/>`);
    at += 9;
  }
  parts.push(`<rect x="${from}" y="${y}" width="${at - from}" height="13" fill="none" stroke="${ink}" stroke-opacity="0.4"/>`);
  write(at + 6, high);
  return parts;
}

/** The matrix of a scene as a drawing. */
export function toSvg(scene, painter, { ink, page, title, legend, signs }) {
  const { view } = scene;
  const rows = shownRows(view);
  const most = mostOf(scene);
  const unit = cellUnit(most);
  if (unit) legend += ` · ${unit}`;
  const longest = (units) => 7 * Math.max(...units.map((unit) => [...named(unit)].length), 4);
  const names = Object.keys(view.stepScores);
  const label = Math.min(240, 20 + longest([...rows.map((r) => view.inputs[r]), ...names.map((name) => ({ label: name }))]));
  const upright = view.columns > 10 || longest(view.cols) > 63;
  const [width, height] = [upright ? 30 : 66, 22];
  const head = upright ? Math.min(160, 16 + longest(view.cols)) : 24;
  const top = 26 + head;
  const total = [
    Math.max(label + width * view.columns + 12, 24 + 8 * [...title].length, 24 + 7 * [...legend].length),
    top + height * (rows.length + names.length) + (legend ? 58 : 14),
  ];
  const parts = [
    view.alone ? `<pattern id="alone" width="6" height="6" patternUnits="userSpaceOnUse"><path d="M0 6L6 0" stroke="${ink}" stroke-opacity="0.5"/></pattern>` : "",
  ];
  const write = (x, y, text, extra, fill = ink) => parts.push(textSvg(x, y, fill, text, extra));
  view.cols.forEach((col, c) => {
    const x = label + c * width + width / 2;
    const text = named(col, 18);
    if (upright) write(x + 4, top - 5, text, `transform="rotate(-90 ${x + 4} ${top - 5})"`);
    else write(x, top - 7, text, 'text-anchor="middle" font-weight="bold"');
  });
  rows.forEach((r, place) => {
    const y = top + place * height;
    write(label - 6, y + 15, named(view.inputs[r], 24), 'text-anchor="end"');
    view.cols.forEach((_, c) => {
      const value = cell(view, r, c);
      const x = label + c * width;
      if (view.alone?.[r * view.columns + c]) parts.push(`<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="url(#alone)"/>`);
      if (value === null) return;
      const rgb = painter.background(value / scene.bound(c));
      if (rgb) parts.push(`<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${css(rgb)}"/>`);
      write(x + width / 2, y + 15, cellNumber(value, most), 'text-anchor="middle" font-size="10"', rgb ? textOn(rgb) : ink);
    });
  });
  names.forEach((name, place) => {
    const y = top + (rows.length + place) * height + 4;
    write(label - 6, y + 15, name, 'text-anchor="end" font-style="italic"');
    view.stepScores[name].forEach((value, c) => write(label + c * width + width / 2, y + 15, stepScore(value, 2), 'text-anchor="middle" font-size="10"'));
  });
  if (legend) {
    write(8, total[1] - 10, legend, 'font-size="11"');
    parts.push(...rampSvg(painter, scene.shownRange(), { x: 8, y: total[1] - 44, ink, signs }));
  }
  return wholeSvg(total, page, ink, title, parts);
}
