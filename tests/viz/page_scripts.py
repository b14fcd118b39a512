"""What the page's scripts make of results, run by node."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wherefrom.results.attribution import Attribution
from wherefrom.results.provenance import Provenance
from wherefrom_viz.page import bundle
from wherefrom_viz.page.packing import deflated, pack
from wherefrom_viz.page.pairs import pairs_of

from tests.needed import NODE

PROBE = """
import { readFileSync } from "node:fs";
import { parseBlock } from "%(html)s/payload.js";
import { inflate } from "%(html)s/inflate.js";
import { fromBase85 } from "%(html)s/bytes.js";
import { buildView } from "%(html)s/units.js";
import { compareViews, pairOf, pairsByPlace } from "%(html)s/pairing.js";
const { block, pairs, options, asked } = JSON.parse(readFileSync(0, "utf-8"));
const examples = parseBlock(await inflate(fromBase85(block)));
const views = examples.map((example) => options.map((one) => buildView(example, one)));
const plain = ({ scores, visible, stepScores, bound, lost }) =>
  ({ scores: [...scores], visible: [...visible], steps: stepScores, bound, lost: [...lost] });
const known = pairsByPlace(JSON.parse(new TextDecoder().decode(await inflate(fromBase85(pairs)))));
const answers = asked.map(([a, b, one]) => {
  const pair = compareViews(examples[a], examples[b], pairOf(known, a, b), { spans: [], ...one });
  const [rows, columns] = [pair.a.inputs, pair.a.cols].map((units) => units.map((unit) => unit.only));
  const views = { a: plain(pair.a), b: plain(pair.b), difference: plain(pair.difference) };
  return { ...views, agreement: pair.agreement, rows, columns };
});
process.stdout.write(JSON.stringify({ pairs: answers, views: views.map((list) => list.map(plain)) }));
"""


def computed(
    examples: Sequence[Attribution],
    folder: Path,
    options: Sequence[dict[str, Any]],
    asked: Sequence[tuple[int, int, dict[str, Any]]] = (),
) -> dict[str, Any]:
    """What the page's scripts make of examples under each of some options, and of some of their pairs."""
    scripts = Path(bundle.__file__).parent.joinpath("scripts").as_posix()
    (folder / "probe.mjs").write_text(PROBE % {"html": scripts})
    told = {
        "block": pack([(one, Provenance()) for one in examples], "exact").blocks[0],
        "pairs": deflated(pairs_of(examples)),
        "options": options,
        "asked": asked,
    }
    done = subprocess.run(
        [NODE, str(folder / "probe.mjs")], input=json.dumps(told), capture_output=True, text=True, check=True
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
