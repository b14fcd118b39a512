// What the export menu does: files of the text, or of the matrix behind the other tabs, and a link to what is shown.

import { download, h } from "./dom.js";
import { toJson, toMarkdown, toSvg, toTsv } from "./exports.js";
import { LEFT_OUT, meaning, pipeline, told } from "./legend.js";
import { toTextSvg } from "./text_export.js";
import { paleWords } from "./units.js";

export async function exported(app, kind) {
  if (kind === "link") return copyLink(app);
  const pair = app.state.tab === "compare" ? app.views.compare.pair : null;
  const cited = app.state.tab === "citations" ? app.views.citations.scene : null;
  const shown = cited ?? (pair && app.views.compare.shown()) ?? app;
  const { view, words } = shown;
  const name = ((pair ? shown : app).title || "attribution").replace(/[^\w-]+/g, "_").slice(0, 60) || "attribution";
  const title = [shown.title, shown.subtitle ?? app.methodOf(app.example)].filter(Boolean).join(" · ");
  const signs = words.signed;
  if (kind === "md") return download(`${name}.md`, toMarkdown(view, { title, signs, notes: told(words, cited ? "" : `${pipeline(app)}.`) }), "text/markdown");
  if (kind === "tsv") return download(`${name}.tsv`, toTsv(view), "text/tab-separated-values");
  if (kind === "json") return download(`${name}.json`, toJson(pair ? app.views.compare.written : { title: app.example.title, method: app.methodOf(app.example) }, view, cited ? { g: "sentence", n: "none" } : app.state, pair), "application/json");
  const dark = app.theme() === "dark";
  const look = { title, legend: [...meaning(app, words), view.hidden && LEFT_OUT, paleWords(view)].filter(Boolean).join(" · "), ink: dark ? "#eeeeee" : "#111111", page: dark ? "#1c1d21" : "#ffffff", signs };
  const svg = app.state.tab === "read" ? toTextSvg(app, look) : toSvg(shown, app.painter, look);
  return kind === "svg" ? download(`${name}.svg`, svg, "image/svg+xml") : download(`${name}.png`, await picture(svg));
}

/** A drawing as PNG, two pixels to one. */
async function picture(svg) {
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  await image.decode();
  const canvas = h("canvas");
  canvas.width = image.width * 2;
  canvas.height = image.height * 2;
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

async function copyLink(app) {
  app.remember();
  try {
    await navigator.clipboard.writeText(location.href);
    app.live.textContent = "The link is copied.";
  } catch {
    window.prompt("The link to this view:", location.href);
  }
}
