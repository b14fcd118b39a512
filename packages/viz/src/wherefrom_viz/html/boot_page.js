// Last lines of a page: the app owns the window.

import { start } from "./app.js";

start(document.querySelector(".wf-mount"), true);
