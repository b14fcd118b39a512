"""What methods claim, held against them: each law over every method that claims it."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
from attrs import evolve
from wherefrom.adapters import Side
from wherefrom.adapters.views import with_methods
from wherefrom.evaluation.nudging import nudged
from wherefrom.methods import METHODS, Saliency
from wherefrom.methods.paths.baselines import endpoints
from wherefrom.testing import NumpyModel, linear_share, question
from wherefrom.testing._networks import LinearNetwork

from tests.laws.claims import CLAIMS, claiming
from tests.laws.models import (
    HF,
    REFERENCES,
    TEXTS,
    has_what_it_needs,
    model_of,
    per_token,
    questions,
    require_same,
    scores,
)

CONTEXT_ALONE = ("context_cite",)
"""Methods that ask what the context did for a response, and leave the response as it is."""


def over(law: str, models: tuple[str, ...]) -> Any:
    """Every claimant of a law on each model that has what it needs."""
    pairs = [
        pytest.param(name, on, id=f"{name}-{on}")
        for name in claiming(law)
        for on in models
        if has_what_it_needs(name, model_of(on))
    ]
    assert pairs, f"nobody claims {law!r}"
    return pytest.mark.parametrize("name, on", pairs)


def part_of(on: str) -> float:
    """How exactly two ways to the same scores agree: rounding of float64, or of float32 through a model."""
    return 1e-8 if on not in HF else 2e-4


def test_every_method_declares_its_laws() -> None:
    assert set(METHODS) == set(CLAIMS), "a registered method is missing from tests/laws/claims.py, or the reverse"
    for name, claim in CLAIMS.items():
        assert claim.method().identifier == name


def test_every_law_has_a_claimant_and_a_test() -> None:
    tested = {name.removeprefix("test_law_") for name in globals() if name.startswith("test_law_")}
    assert {law for claim in CLAIMS.values() for law in claim.laws} == tested


@over("complete", (*REFERENCES, *HF))
def test_law_complete(name: str, on: str) -> None:
    model = model_of(on)
    asked = [evolve(one, attribute_target=True) for one in questions(model, "probability")]
    # units that exact games can count: the shortest example
    asked = sorted(asked, key=lambda one: len(one.target_ids))[:1]
    (found,) = scores(CLAIMS[name].method("complete"), model, asked)
    (about,) = asked
    rows = [about.row(), about.row(**_at_baseline(model, about, baseline_of(name)))]
    real, base = (np.asarray(about.target_function.values(one.logits)) for one in model.predict(rows))
    total = sum(values.sum(axis=(0, *range(2, values.ndim))) for values in found.values())
    gap = np.abs(total - (real - base)).max()
    assert gap <= 2e-3 * np.abs(real - base).max(), f"off by {gap:.3g} of {np.abs(real - base).max():.3g}"


def baseline_of(name: str) -> str:
    """What a method compares with, as it comes."""
    method = CLAIMS[name].method("complete")
    settings = attrs.asdict(method, recurse=False) if attrs.has(type(method)) else {}
    return str(settings.get("baseline", "unk"))


def _at_baseline(model: Any, about: Any, baseline: str) -> dict[str, Any]:
    sides = {"source_embeds": "source", "target_embeds": "target"}
    found = {key: endpoints(model, about, side, baseline) for key, side in sides.items()}  # type: ignore[arg-type]
    return {key: ends.baseline for key, ends in found.items() if ends is not None}


@over("dummy", ("copy", "copy-seq2seq"))
def test_law_dummy(name: str, on: str) -> None:
    model = model_of(on)
    for about, found in zip(*_copied(name, model, on, "dummy"), strict=True):
        cells = per_token({side: np.abs(values) for side, values in found.items()})
        for step, copied in _where_copied(about, on):
            for side, values in cells.items():
                others = np.arange(len(values)) != (copied if side == _reads(on) else -1)
                ignored = values[others, step]
                assert ignored.max(initial=0) <= 1e-9 * max(np.abs(values).max(), 1), f"step {step}, {side}"


@over("finds", ("copy", "copy-seq2seq"))
def test_law_finds(name: str, on: str) -> None:
    model = model_of(on)
    checked = 0
    for about, found in zip(*_copied(name, model, on, "finds"), strict=True):
        cells = per_token({side: np.abs(values) for side, values in found.items()})
        for step, copied in _where_copied(about, on):
            if name in CONTEXT_ALONE and _reads(on) == "target" and copied >= about.steps[0]:
                continue
            assert int(np.argmax(cells[_reads(on)][:, step])) == copied, f"step {step}"
            checked += 1
    assert checked >= 2


def _reads(on: str) -> str:
    return "source" if on.endswith("seq2seq") else "target"


def _copied(name: str, model: Any, on: str, law: str) -> tuple[list[Any], list[Any]]:
    """Questions about a text that the model does copy, and the scores. The logit of the copied token is asked for."""
    about = question(model, "the cat saw a dog", "the bird was old", function="logit")
    read = about.source_ids if on.endswith("seq2seq") else about.target_ids
    assert read is not None
    kept = about.steps[about.steps - 2 < len(read)]
    copied = read[np.maximum(kept - 2, 0)]
    target_function = evolve(about.target_function, target_ids=copied)
    asked = [evolve(about, steps=kept, target_function=target_function)]
    if name in ("context_cite", "exact_shapley", "lime"):
        asked = [evolve(asked[0], attribute_target=not on.endswith("seq2seq"))]
    return asked, scores(CLAIMS[name].method(law), model, asked)


def _where_copied(about: Any, on: str) -> list[tuple[int, int]]:
    """(column, position read) of the steps that copy a token which a baseline would change."""
    kept = about.kept_source if on.endswith("seq2seq") else about.kept_target
    return [(j, int(step) - 2) for j, step in enumerate(about.steps) if step >= 2 and step - 2 not in kept]


@over("linear", ("linear", "linear-seq2seq"))
def test_law_linear(name: str, on: str) -> None:
    model = model_of(on)
    about = question(model, "the cat saw", "a dog", function="logit")
    (found,) = scores(CLAIMS[name].method("linear"), model, [about])
    cells = per_token(found)
    assert isinstance(model.network, LinearNetwork)
    steps, ids = about.steps.tolist(), about.target_function.target_ids.tolist()
    for side, weights in (("target", model.network.own), ("source", model.network.cross)):
        if weights is None:
            continue
        ends = endpoints(model, about, side, "zero" if name == "input_x_gradient" else baseline_of(name))  # type: ignore[arg-type]
        assert ends is not None
        moved = ends.input if name == "input_x_gradient" else ends.difference
        expected = linear_share(model, weights, moved, steps, ids).sum(-1)
        scale = np.abs(expected).max()
        assert np.abs(cells[side] - expected).max() <= 1e-6 * scale, side


@pytest.mark.parametrize("name", claiming("symmetric"))
def test_law_symmetric(name: str) -> None:
    """A model that adds all positions up cannot tell two equal tokens apart, nor two orders."""
    base = model_of("linear")
    equal = NumpyModel(
        kind="decoder-only",
        table=base.table,
        network=LinearNetwork(own=np.tril(np.ones((64, 64))), head=0.3 * base.network.head),
        vocabulary=base.vocabulary,
    )
    about = question(equal, "the cat saw the", "dog slept", function="probability")
    (found,) = scores(CLAIMS[name].method("symmetric"), equal, [about])
    first, second = np.flatnonzero(about.target_ids == equal.vocabulary.id_of("▁the"))
    cells = found["target"]
    assert np.abs(cells[first]).max() > 0
    np.testing.assert_allclose(cells[first], cells[second], atol=1e-9 * np.abs(cells).max())


@over("batch", (*REFERENCES, *HF))
def test_law_batch(name: str, on: str) -> None:
    model, method = model_of(on), CLAIMS[name].method("batch")
    asked = questions(model)
    together = scores(method, model, asked)
    for about, found in zip(asked, together, strict=True):
        require_same(scores(method, model, [about])[0], found, part_of(on), f"{name} alone and in a batch")


@over("steps", (*REFERENCES, *HF))
def test_law_steps(name: str, on: str) -> None:
    model, method = model_of(on), CLAIMS[name].method("steps")
    about = questions(model)[0]
    (whole,) = scores(method, model, [about])
    kept = np.array([0, len(about.steps) - 1])
    some = evolve(about, steps=about.steps[kept], target_function=about.target_function.select(kept))
    (came,) = scores(method, model, [some])
    require_same(came, {side: values[:, kept] for side, values in whole.items()}, part_of(on), name)


@over("chunk", (*REFERENCES, "gpt2-tiny"))
def test_law_chunk(name: str, on: str) -> None:
    model, asked = model_of(on), questions(model_of(on))[:1]
    assert "internal_batch_size" in attrs.fields_dict(METHODS.get(name)), "a claimant has a chunk to set"
    ways = [scores(CLAIMS[name].method("chunk", internal_batch_size=size), model, asked)[0] for size in (None, 1, 3)]
    for way in ways[1:]:
        require_same(way, ways[0], part_of(on), f"{name} in chunks")


@over("prefix", ("reference", "gpt2-tiny", "t5-tiny"))
def test_law_prefix(name: str, on: str) -> None:
    """With the hint about unchanged prefixes taken off every row, nothing changes."""
    model, asked = model_of(on), questions(model_of(on))[1:]

    def forgetful(method: str) -> Any:
        def run(self: Any, rows: Any, *args: Any, **kwargs: Any) -> Any:
            return getattr(model, method)((evolve(row, first_change=None) for row in rows), *args, **kwargs)

        return run

    method = CLAIMS[name].method("prefix")
    require_same(
        scores(method, with_methods(model, forgetful), asked)[0], scores(method, model, asked)[0], part_of(on), name
    )


@pytest.mark.parametrize("name", claiming("dtype"))
def test_law_dtype(name: str) -> None:
    exact, coarse = model_of("gpt2-tiny"), model_of("gpt2-tiny", "bfloat16")
    method = CLAIMS[name].method("dtype")
    (expected,) = scores(method, exact, questions(exact)[:1])
    (came,) = scores(method, coarse, questions(coarse)[:1])
    for side, values in expected.items():
        assert np.isfinite(came[side]).all()
        assert came[side].shape == values.shape
        assert np.corrcoef(came[side].ravel(), values.ravel())[0, 1] > 0.97


@over("seeded", REFERENCES)
def test_law_seeded(name: str, on: str) -> None:
    model, method = model_of(on), CLAIMS[name].method("seeded")
    one, again, other = (scores(method, model, questions(model, seed=seed)[1:])[0] for seed in (1, 1, 2))
    for side, values in one.items():
        np.testing.assert_array_equal(values, again[side])
    assert any(np.abs(values - other[side]).max() > 1e-9 for side, values in one.items())


@over("pure", ("reference-seq2seq", "gpt2-tiny"))
def test_law_pure(name: str, on: str) -> None:
    """Nothing is left behind: not by the method itself, nor by it for another."""
    model, method = model_of(on), CLAIMS[name].method("pure")
    asked = questions(model)[:1]
    ids = asked[0].target_ids.copy()
    bystander = scores(Saliency(), model, asked)[0]
    first = scores(method, model, asked)[0]
    require_same(scores(Saliency(), model, asked)[0], bystander, 1e-12, f"saliency after {name}")
    require_same(scores(method, model, asked)[0], first, 1e-12, f"{name} again")
    np.testing.assert_array_equal(asked[0].target_ids, ids)
    assert method == CLAIMS[name].method("pure")


@over("nudge", (*REFERENCES, *HF))
def test_law_nudge(name: str, on: str) -> None:
    """Where tokens are moved by nothing, it says the same."""
    model, method = model_of(on), CLAIMS[name].method("nudge")
    asked = sorted(questions(model), key=lambda one: len(one.target_ids))[:1]
    sides: dict[Side, Any] = {"target": asked[0].target_ids, "source": asked[0].source_ids}
    still: dict[Side, Any] = {
        side: dict.fromkeys(ids.tolist(), np.zeros(model.embed(ids[:1], side=side).shape[-1]))
        for side, ids in sides.items()
        if ids is not None
    }
    require_same(
        scores(method, nudged(model, still), asked)[0], scores(method, model, asked)[0], part_of(on), f"{name}, moved"
    )


@over("listed", ("reference-seq2seq", "gpt2-tiny"))
def test_law_listed(name: str, on: str) -> None:
    """An adapter that answers all rows at once is asked like one that answers them one by one."""
    model, method = model_of(on), CLAIMS[name].method("listed")
    asked = sorted(questions(model), key=lambda one: len(one.target_ids))[:1]

    def listed(name: str) -> Any:
        def run(self: Any, rows: Any, *args: Any, **kwargs: Any) -> Any:
            return list(getattr(model, name)(rows, *args, **kwargs))

        return run

    require_same(
        scores(method, with_methods(model, listed), asked)[0], scores(method, model, asked)[0], part_of(on), name
    )


def test_texts_are_of_different_lengths() -> None:
    """Otherwise no padding is tested."""
    model = model_of("gpt2-tiny")
    assert len({len(one.target_ids) for one in questions(model)}) == len(TEXTS)
