"""Networks with published attributions, which have to come out again.

* ``counter-example f``, ``g``: two networks of one function, at (3, 1) from 0. Sundararajan, Taly & Yan (2017),
  appendix B, https://arxiv.org/abs/1703.01365: integrated gradients cannot tell them apart, DeepLIFT can.
* ``toy network``: the example of captum's README, two inputs, first output.

The number is 1 minus the largest error, as a part of the largest value. Asked of the methods whose values are known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from attrs import frozen

from wherefrom.evaluation.verify.asking import asked, claimed, from_zero, scores_of, with_settings
from wherefrom.evaluation.verify.contract import TRUTHS, NotTestedError
from wherefrom.evaluation.verify.valued import nearness
from wherefrom.testing.feed_forward import FIRST, Dense, FeedForwardModel, feed_forward_model

ANSWER = "sat"


SETTINGS: Mapping[str, dict[str, Any]] = {"integrated_gradients": {"n_steps": 300}}
"""Enough points for kinks along the path."""


@frozen(kw_only=True)
class Published:
    """Known scores per method."""

    make: Callable[[], FeedForwardModel]
    prompts: tuple[str, ...]
    known: Mapping[str, tuple[tuple[float, ...], ...]]
    """Method to the scores of each prompt's words."""
    wanted: float = 0.99

    def value(self, method: Any) -> float:
        name = claimed(method)
        if name not in self.known:
            raise NotTestedError("no values of it were published")
        model, asked_of = self.make(), with_settings(from_zero(method), SETTINGS.get(name, {}))
        return min(
            nearness(
                scores_of(asked(model, asked_of, prompt, f"{prompt} {ANSWER}"), "target")[
                    FIRST : FIRST + len(known), -1
                ],
                np.array(known),
            )
            for prompt, known in zip(self.prompts, self.known[name], strict=True)
        )


def counter_example(*, shift_first: bool) -> FeedForwardModel:
    """``ReLU(ReLU(x₁) − 1 − ReLU(x₂))``, or ``ReLU(ReLU(x₁ − 1) − ReLU(x₂))``: equal wherever x₁ is positive."""
    first = Dense(weight=np.eye(2), bias=np.array([-1.0 if shift_first else 0.0, 0.0]), relu=True)
    second = Dense(weight=np.array([[1.0], [-1.0]]), bias=np.array([0.0 if shift_first else -1.0]), relu=True)
    return feed_forward_model([first, second], {"cat": 3.0, "dog": 1.0}, [ANSWER], inputs=2, name="counter-example")


def toy_network() -> FeedForwardModel:
    """Three inputs, three hidden units, two outputs; weights −4 to 4 and −3 to 2, biases 0 and 1."""
    first = Dense(weight=np.arange(-4.0, 5.0).reshape(3, 3).T, bias=np.zeros(3), relu=True)
    second = Dense(weight=np.arange(-3.0, 3.0).reshape(2, 3).T, bias=np.ones(2), relu=False)
    numbers = {"the": 0.2961, "cat": 0.5166, "saw": 0.2517, "a": 0.6886, "dog": 0.0740, "and": 0.8665}
    return feed_forward_model([first, second], numbers, [ANSWER, "mat"], inputs=3, name="toy network")


PAIR = ((1.5, -0.5),)
TRUTHS.register(
    "counter-example f",
    Published(
        make=lambda: counter_example(shift_first=False),
        prompts=("cat dog",),
        known={"integrated_gradients": PAIR, "deeplift": PAIR},
    ),
)
TRUTHS.register(
    "counter-example g",
    Published(
        make=lambda: counter_example(shift_first=True),
        prompts=("cat dog",),
        known={"integrated_gradients": PAIR, "deeplift": ((2.0, -1.0),)},
    ),
)
CHANGE = ((-0.5922, -1.5497, -1.0067), (0.0, -0.2219, -5.1991))
SHAPLEY = ((-0.3406, -1.5497, -1.2584), (-0.6886, -0.2219, -4.5106))
ABLATION = ((-0.0889, -1.5497, -1.0067), (0.0, -0.2219, -3.8220))
TRUTHS.register(
    "toy network",
    Published(
        make=toy_network,
        prompts=("the cat saw", "a dog and"),
        known={
            "integrated_gradients": CHANGE,
            "deeplift": CHANGE,
            "exact_shapley": SHAPLEY,
            "feature_ablation": ABLATION,
            "occlusion": ABLATION,
        },
    ),
)
