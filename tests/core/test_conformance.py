"""The reference model keeps every promise, and the kit notices when one is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
import pytest
from attrs import evolve
from wherefrom.adapters import GivesAttention, GivesGradients, PredictsSteps, SequenceModel
from wherefrom.adapters.views import with_methods
from wherefrom.testing import (
    Check,
    ConformanceError,
    ReferenceModel,
    check_adapter,
    checks_for,
    linear_model,
    only,
    shift_copy_model,
)

MODELS = {
    "reference": ReferenceModel(),
    "reference-seq2seq": ReferenceModel("encoder-decoder"),
    "linear": linear_model(),
    "linear-seq2seq": linear_model("encoder-decoder"),
}
CASES = [
    pytest.param(model, check, id=f"{name}-{check}") for name, model in MODELS.items() for check in checks_for(model)
]


@pytest.mark.parametrize("model, check", CASES)
def test_promise(model: Any, check: Check) -> None:
    check(model)


def test_every_capability_is_checked() -> None:
    assert {one.needs for one in checks_for(MODELS["reference"])} >= {
        SequenceModel,
        PredictsSteps,
        GivesGradients,
        GivesAttention,
    }


def test_a_model_that_only_predicts_is_checked_for_that() -> None:
    names = check_adapter(only(MODELS["reference"], SequenceModel, PredictsSteps))
    assert names
    assert not [name for name in names if name.startswith("Gives")]


def _with(name: str, spoil: Callable[[Any], Any], kind: Any = "decoder-only") -> Any:
    """The reference model with the answers of one method spoilt."""
    model = ReferenceModel(kind)

    def method(_: str) -> Callable[..., Any]:
        def run(self: Any, rows: Any, **settings: Any) -> Any:
            return spoil(list(getattr(model, name)(rows, **settings)))

        return run

    members = with_methods(model, None)
    setattr(type(members), name, method(name))
    return members


BROKEN = {
    "logits of another step": (
        "predict",
        lambda out: [evolve(a, logits=np.roll(a.logits, 1, 0)) for a in out],
    ),
    "an unknown word that is no text": ("tokens", lambda out: [msgspec.structs.replace(a, special=True) for a in out]),
    "answers out of order": ("predict", lambda out: out[::-1]),
    "an answer too few": ("predict", lambda out: out[:-1]),
    "padding leaks": (
        "predict",
        lambda out: [evolve(a, logits=a.logits * (1 + 1e-6 * len(out))) for a in out],
    ),
    "scores of something else": (
        "predict",
        lambda out: [evolve(a, scores={k: 2 * v for k, v in a.scores.items()}) for a in out],
    ),
    "gradients of the wrong scale": (
        "gradients",
        lambda out: [evolve(a, target=a.target * 1.001) for a in out],
    ),
    "gradients that look ahead": ("gradients", lambda out: [evolve(a, target=a.target + 1e-3) for a in out]),
    "values that are not the target function's": (
        "gradients",
        lambda out: [evolve(a, values=a.values + 0.1) for a in out],
    ),
    "attention that does not sum to one": (
        "attentions",
        lambda out: [evolve(a, decoder=a.decoder * 0.9) for a in out],
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_noticed(name: str) -> None:
    with pytest.raises(ConformanceError):
        check_adapter(_with(*BROKEN[name]))


@pytest.mark.parametrize("kind", ["decoder-only", "encoder-decoder"])
@pytest.mark.parametrize("method", ["predict", "gradients"])
@pytest.mark.parametrize("lends", ["the row before", "the last row that does not share"])
def test_a_prefix_of_another_row_is_noticed(kind: Any, method: str, lends: str) -> None:
    model = ReferenceModel(kind)
    spoilt = with_methods(model, None)

    def run(self: Any, rows: Any, **settings: Any) -> Any:
        """Lends the positions that a row shares, those of what reads the source too, and does not compare them."""
        kept = None
        for row in rows:
            lent = row
            if row.first_change is not None and kept is not None:
                end = min(row.first_change, len(kept.target_ids), int(row.steps[0]) - 1)
                ids = np.concatenate([kept.target_ids[:end], row.target_ids[end:]])
                lent = evolve(row, target_ids=ids, source_ids=kept.source_ids)
            if kept is None or row.first_change is None or lends == "the row before":
                kept = row
            yield from getattr(model, method)([lent], **settings)

    setattr(type(spoilt), method, run)
    with pytest.raises(ConformanceError, match="with a reused prefix"):
        check_adapter(spoilt)


def test_what_is_read_where_all_is_hidden_is_noticed() -> None:
    model = ReferenceModel()
    spoilt = with_methods(model, None)

    def predict(self: Any, rows: Any, **settings: Any) -> Any:
        """A query that sees nothing takes the mean of all embeddings."""
        for row in rows:
            (answer,) = model.predict([row], **settings)
            empty = row.target_visible is not None and ~row.target_visible.cumsum().astype(bool)[row.steps - 1]
            mean = model.table[row.target_ids].mean()
            yield evolve(answer, logits=answer.logits + mean * np.reshape(empty, (-1, 1)))

    type(spoilt).predict = predict
    with pytest.raises(ConformanceError, match=r"(?s)1 of .*where all is hidden, nothing is read"):
        check_adapter(spoilt)


def test_weights_that_stay_shuffled_are_noticed() -> None:
    model = ReferenceModel()
    spoilt = with_methods(model, None)

    @contextmanager
    def randomised(self: Any, share: float, *, seed: int) -> Iterator[Any]:
        with model.randomised(share, seed=seed) as other:
            type(spoilt).predict = staticmethod(other.predict)
            yield other

    type(spoilt).randomised = randomised
    with pytest.raises(ConformanceError, match="Logits after the weights were shuffled and put back"):
        check_adapter(spoilt)


def _turned_around(answers: list[Any]) -> list[Any]:
    return [one if one.source is None else evolve(one, source=-one.source) for one in answers]


def test_source_gradients_of_the_wrong_sign_are_noticed() -> None:
    with pytest.raises(ConformanceError, match="source direction"):
        check_adapter(_with("gradients", _turned_around, "encoder-decoder"))


@pytest.mark.parametrize("kind", ["decoder-only", "encoder-decoder"])
def test_the_copying_model_copies(kind: Any) -> None:
    model = shift_copy_model(kind, shift=2)
    side = "source" if kind == "encoder-decoder" else "target"
    prompt = model.encode("the cat sat on the mat", side=side)
    answer = model.generate([prompt.ids], settings={"max_new_tokens": 3})[0][0]
    if kind == "decoder-only":
        assert list(answer[-3:]) == [*prompt.ids[-2:], prompt.ids[-2]]
    else:
        assert list(answer[2:4]) == list(prompt.ids[:2])
