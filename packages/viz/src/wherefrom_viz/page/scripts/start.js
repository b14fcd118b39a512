// Starting the app in its place, in a page or in a notebook's output.

import { App } from "./app.js";
import { fromBase85 } from "./bytes.js";
import { inflate } from "./inflate.js";
import { pairsByPlace } from "./pairing.js";
import { fetched } from "./site.js";

/** Start the app in a mount that the page holds: <div class="wf-mount"> with its data in script elements. */
export async function start(mount, page) {
  // a page keeps most of its data after the script, so that it starts before all of it is read
  const data = (name) => (page ? document : mount).querySelector(`script[data-wf="${name}"]`);
  const meta = JSON.parse(data("meta").textContent);
  const host = document.createElement("div");
  host.className = "wf-app";
  let root = host;
  if (!page) {
    // in a notebook, styles of page and app must not reach each other
    const shadow = host.attachShadow({ mode: "open" });
    const style = document.createElement("style");
    style.textContent = mount.querySelector("style").textContent;
    root = document.createElement("div");
    shadow.append(style, root);
  }
  const whole = (element) => element && (element.nextSibling || document.readyState !== "loading");
  const embedded = (number) => (whole(data(`block-${number}`)) ? data(`block-${number}`).textContent : null);
  const find = meta.site ? (number) => fetched(`${meta.site.examples}/${number}.bin`) : embedded;
  mount.append(host);
  const app = new App(root, meta, find, { page });
  await app.open();
  mount.querySelector(".wf-static")?.remove();
  mount.dataset.ready = "true";
  const lines = (packed) => packed.map(([title, text, inputs, outputs, probability, whole = text]) => ({ title, text, inputs, outputs, probability, whole }));
  const opened = async (bytes) => JSON.parse(new TextDecoder().decode(await inflate(bytes)));
  if (meta.site) {
    try {
      for (let part = 0; part < meta.site.parts; part++) app.list.add(lines(await opened(await fetched(`${meta.site.list}/${part}.bin`))));
    } catch (error) {
      app.list.incomplete(error);
    }
  } else if (meta.n > 1) {
    while (!whole(data("index"))) await new Promise((done) => setTimeout(done, 30));
    const held = (name) => opened(fromBase85(data(name).textContent));
    app.pairs = pairsByPlace(await held("pairs"));
    app.list.add(lines(await held("index")));
    if (app.state.tab === "compare") await app.redraw();
  }
  mount.dataset.complete = "true";
  return app;
}
