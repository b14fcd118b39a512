// Last lines of a notebook output: start in every copy of this output that has not started.

import { start } from "./start.js";

for (const mount of document.querySelectorAll(`.wf-mount[data-id="${WHEREFROM_ID}"]:not([data-started])`)) {
  mount.dataset.started = "true";
  start(mount, false);
}
