// Starting the app in its place, in a page or in a notebook's output.

import { App } from "./app.js";
import { fromBase85 } from "./bytes.js";
import { inflate } from "./inflate.js";
import { pairsByPlace } from "./pairing.js";

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
  const find = (number) => (whole(data(`block-${number}`)) ? data(`block-${number}`).textContent : null);
  mount.append(host);
  const app = new App(root, meta, find, { page });
  await app.open();
  mount.querySelector(".wf-static")?.remove();
  mount.dataset.ready = "true";
  if (meta.n > 1) {
    while (!whole(data("index"))) await new Promise((done) => setTimeout(done, 30));
    const opened = async (name) => JSON.parse(new TextDecoder().decode(await inflate(fromBase85(data(name).textContent))));
    app.pairs = pairsByPlace(await opened("pairs"));
    app.list.load((await opened("index")).map(([title, shown, inputs, outputs, probability]) => ({ title, text: shown, inputs, outputs, probability })));
    app.list.reveal();
    if (app.state.tab === "compare") await app.redraw();
  }
  mount.dataset.complete = "true";
  return app;
}
