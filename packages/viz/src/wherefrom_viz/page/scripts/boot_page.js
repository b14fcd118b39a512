// Last lines of a page: the app owns the window. It starts after the static table has been painted, so that there is
// something to see at once; a tab in the background paints nothing, and starts without.

import { start } from "./start.js";

Promise.race([new Promise(requestAnimationFrame), new Promise((done) => setTimeout(done, 100))]).then(() =>
  setTimeout(() => start(document.querySelector(".wf-mount"), true)),
);
