"""A model that adds its tokens up.

Scores that carry a sign must go with what each token adds to the logit, in closed form: the number is their
correlation. Asked of methods whose reference is the zero vector or nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen

from wherefrom.arrays import FloatArray
from wherefrom.evaluation.correlation import pearson
from wherefrom.evaluation.verify.asking import adding, asked, scores_of
from wherefrom.evaluation.verify.contract import TRUTHS
from wherefrom.evaluation.verify.copying import TEXT
from wherefrom.testing.known import Kind, linear_model, linear_share


@frozen(kw_only=True)
class AddsUp:
    """What a token adds is its score."""

    kind: Kind
    wanted: float = 0.99

    def value(self, method: Any) -> float:
        model = linear_model(self.kind)
        tokens = 3 if self.kind == "encoder-decoder" else 2
        result = asked(model, adding(method), TEXT, generation_args={"max_new_tokens": tokens})
        steps = list(range(result.attr_pos_start, result.attr_pos_end))
        ids = [result.target[step].id for step in steps]
        network: Any = model.network
        sides = {"target": (network.own, result.target)}
        if self.kind == "encoder-decoder":
            sides["source"] = (network.cross, result.source)
        given, known = [], []
        for side, (weights, read) in sides.items():
            table = model.table[[token.id for token in read]]
            share: FloatArray = linear_share(model, weights, table, steps, ids).sum(axis=2)
            special = np.array([token.special for token in read], dtype=bool)
            visible = np.ones(share.shape, bool) if side == "source" else result.target_visible
            seen = visible & ~special[:, None]
            given.append(scores_of(result, side)[seen])
            known.append(share[seen])
        return pearson(np.concatenate(given), np.concatenate(known))


TRUTHS.register("adds up", AddsUp(kind="decoder-only"))
TRUTHS.register("adds up (encoder-decoder)", AddsUp(kind="encoder-decoder"))
