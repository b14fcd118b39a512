"""What type checkers see of the public surface. Read by mypy and pyright, never run.

A line that must be refused carries an ignore of exactly its error; both checkers report an ignore that ignores nothing.
"""

from __future__ import annotations

from typing import assert_type

import numpy as np
import wherefrom
from wherefrom import Attribution, AttributionModel, Attributions
from wherefrom.context import ContextAttribution
from wherefrom.results.comparison import Comparison
from wherefrom.results.contributors import Contributor
from wherefrom.text.tokens import Token

model = wherefrom.load_model("demo:lm", "saliency")
assert_type(model, AttributionModel)

out = model.attribute("A text")
assert_type(out, Attributions)
assert_type(out[0], Attribution)
assert_type(out[:1], Attributions)
assert_type(list(out), list[Attribution])
assert_type(out[0].steps, tuple[Token, ...])
assert_type(out[0].aggregate(), Attribution)
assert_type(out[0].replace(id="a"), Attribution)
assert_type(out.aggregate("words"), Attributions)
assert_type(out + out, Attributions)
assert_type(out[0] - out[0], Attribution)
assert_type(out[0].compare(out[0]), Comparison)
assert_type(out[0].top_contributors(), list[list[Contributor]])
assert_type(wherefrom.load("a.json"), Attributions)
assert_type(model.generate("A text"), list[str])
assert_type(model.device, str)
assert_type(model.attribute_context("now", "before"), ContextAttribution)
assert_type(wherefrom.__version__, str)

chat = [{"role": "user", "content": "Hello"}]
model.attribute(chat, "Hello there", attributed_span="sentence", contrast_targets="Hello you")
model.attribute(["a", "b"], ["a c", "b d"], attributed_span=(1, 2), contrast_targets=[[1, 2], [3, 4]])
model.attribute("a", np.array([1, 2, 3]), attributed_span=[(1, 2)], contrast_sources="b")
model.attribute("a", [1, 2, 3], step_scores=["entropy"], contrast_targets_alignments=[(0, 1)])

model.attribute(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
model.attribute("a", generated_texts=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
model.attribute("a", attributed_span=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
model.attribute("a", contrast_targets=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
model.attribute("a", attr_pos_start="0")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
model.attribute("a", ids="x", seed=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
model.atributed_fn = "logit"  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
out[0].aggregat()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
