"""Weights of attention heads, learned from removals: heads that were planted are found, and files are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve, frozen
from wherefrom import AttributionModel, Attributions
from wherefrom.adapters import ModelCard, Row, RowAttention, RowPrediction
from wherefrom.errors import FileFormatError, InputError, SettingsError, ShapeError
from wherefrom.evaluation import evaluate
from wherefrom.methods import LearnedAttention, Question
from wherefrom.methods.head_weights import HeadWeights, NormalEquations, features, fit_heads, predictors
from wherefrom.methods.perturbation.units import units_of
from wherefrom.progress import no_progress
from wherefrom.questions.target_function import TargetFunction
from wherefrom.results.merging import merge_attributions
from wherefrom.step_functions.logit import Logit
from wherefrom.testing import ReferenceModel

from tests.laws.models import model_of

LAYERS, HEADS, WORDS = 3, 4, 30
PLANTED = {(1, 2): 4.0, (2, 0): -2.0}
"""What a token gives to the log-odds of the next one: so much times the attention that these heads pay to it."""
UNK = 0


@frozen(eq=False)
class PlantedModel:
    """Attention is a function of the ids; what is predicted depends on two heads and the tokens that are there."""

    ran: list[Row]

    @property
    def card(self) -> ModelCard:
        return ModelCard(name="planted", kind="decoder-only", vocabulary=WORDS, unk_id=UNK)

    def attentions(self, rows: Iterable[Row]) -> Iterator[RowAttention]:
        for row in rows:
            yield RowAttention(decoder=_maps(row.target_ids))

    def predict(self, rows: Iterable[Row], *, chunk: int | None = None) -> Iterator[RowPrediction]:
        for row in rows:
            self.ran.append(row)
            maps = _maps(np.array(_original(row)))
            logits = np.zeros((len(row.steps), WORDS))
            for index, step in enumerate(row.steps):
                there = row.target_ids[:step] != UNK
                odds = sum(
                    weight * float(maps[layer, head, step - 1, :step] @ there)
                    for (layer, head), weight in PLANTED.items()
                )
                # all other tokens together have e to the 0
                logits[index] = -np.log(WORDS - 1)
                logits[index, SAID] = odds - 1
            yield RowPrediction(logits=logits)


SAID = 1
_TEXTS: dict[int, list[int]] = {}


def _original(row: Row) -> list[int]:
    """The ids before anything was replaced: texts are told apart by their first one, which is never removed."""
    return _TEXTS[int(row.target_ids[0])]


def _maps(ids: Any) -> np.ndarray:
    rng = np.random.default_rng(int(ids[0]))
    length = len(ids)
    scores = rng.normal(size=(LAYERS, HEADS, length, length)) * 1.5
    scores[..., np.triu(np.ones((length, length), bool), 1)] = -np.inf
    weights = np.exp(scores)
    return weights / weights.sum(-1, keepdims=True)


def questions(count: int, length: int = 9) -> list[Question]:
    made = []
    for number in range(count):
        ids = np.array([2 + number, *np.random.default_rng(number).integers(2, WORDS, length - 1)])
        _TEXTS[int(ids[0])] = ids.tolist()
        steps = np.arange(length - 2, length)
        made.append(
            Question(
                target_ids=ids,
                steps=steps,
                kept_target=np.array([0]),
                target_function=TargetFunction(function=Logit(), target_ids=np.full(2, SAID)),
            )
        )
    return made


def test_planted_heads_are_found() -> None:
    model = PlantedModel([])
    weights = fit_heads(model, questions(20), masks=48, baseline="unk", alpha=1e-6)
    assert weights.held_out is not None
    assert weights.held_out_uniform is not None
    assert weights.held_out > 0.95
    assert weights.held_out > weights.held_out_uniform + 0.1
    order = np.argsort(-np.abs(weights.decoder), axis=None)
    found = [tuple(int(x) for x in np.unravel_index(at, weights.decoder.shape)) for at in order[:2]]
    assert set(found) == set(PLANTED)
    ratio = weights.decoder[1, 2] / weights.decoder[2, 0]
    assert ratio == pytest.approx(-2.0, rel=0.2)  # outputs are brought to one spread, so it is not exact
    rest = np.delete(np.abs(weights.decoder).ravel(), order[:2])
    assert rest.max() < 0.1 * np.abs(weights.decoder).max()
    assert weights.forwards == len(model.ran) + 20


def test_the_method_weighs_attention() -> None:
    (about,) = questions(1)
    weights = HeadWeights(decoder=np.zeros((LAYERS, HEADS)))
    weights.decoder[1, 2] = 2.0
    (scores,) = LearnedAttention(weights=weights).attribute(PlantedModel([]), [about], no_progress)
    maps = _maps(about.target_ids)
    expected = 2.0 * maps[1, 2][about.steps - 1].T
    np.testing.assert_allclose(np.asarray(scores.target)[: len(expected)], expected)


def test_features_are_attention_from_where_a_step_is_predicted() -> None:
    (about,) = questions(1)
    units = units_of(about, ((1, 3), (3, 6)))
    found = features(RowAttention(decoder=_maps(about.target_ids)), units)
    assert found.shape == (2, 2, LAYERS * HEADS)
    maps = _maps(about.target_ids)
    assert found[1, 0, 1 * HEADS + 2] == pytest.approx(maps[1, 2, about.steps[1] - 1, 1:3].sum())


def test_equations_add_up() -> None:
    """Two halves of the outputs, summed, are all of them; each is least squares on centred values."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 20, 3)), rng.normal(size=(4, 20))
    whole, first, second = (NormalEquations.empty(3) for _ in range(3))
    for index in range(4):
        whole.add(x[index], y[index])
        (first if index < 2 else second).add(x[index], y[index])
    np.testing.assert_allclose(whole.matrix, first.matrix + second.matrix)
    np.testing.assert_allclose(whole.vector, first.vector + second.vector)
    centred = [one - one.mean(0) for one in x]
    values = [(one - one.mean()) / one.std() for one in y]
    expected = np.linalg.lstsq(np.concatenate(centred), np.concatenate(values), rcond=None)[0]
    np.testing.assert_allclose(whole.solve(0.0), expected)


def test_of_weights_that_fit_alike_the_smallest_are_taken() -> None:
    """Two heads that say the same, and no penalty: rounding would decide, and give millions."""
    random = np.random.default_rng(0)
    said = random.normal(size=(9, 1))
    equations = NormalEquations.empty(3)
    equations.add(np.concatenate([said, said, random.normal(size=(9, 1)) * 1e-9], axis=1), said[:, 0])
    spread = float(said.std())
    np.testing.assert_allclose(equations.solve(0.0)[:2], 0.5 / spread, rtol=1e-6)
    assert np.abs(equations.solve(0.0)).max() < 10


def test_predictions_are_plus_for_what_stays() -> None:
    found = np.array([[1.0], [10.0]])
    masks = np.array([[True, True], [True, False], [False, False]])
    np.testing.assert_allclose(predictors(found, masks)[:, 0], [11, -9, -11])


def test_files_come_back(tmp_path: Path) -> None:
    weights = HeadWeights(
        decoder=np.arange(6.0).reshape(2, 3), cross=np.ones((2, 3)), model="m", outputs=4, forwards=9, held_out=0.5
    )
    weights = evolve(weights, fingerprint="f")
    weights.save(tmp_path / "heads.npz")
    back = HeadWeights.load(tmp_path / "heads.npz")
    np.testing.assert_array_equal(back.decoder, weights.decoder)
    assert back.cross is not None
    assert (back.model, back.outputs, back.forwards, back.held_out, back.fingerprint) == ("m", 4, 9, 0.5, "f")


@pytest.mark.parametrize("content", [b"", b"not a file", b"PK\x03\x04damaged"])
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "heads.npz").write_bytes(content)
    with pytest.raises(FileFormatError, match="attention heads"):
        HeadWeights.load(tmp_path / "heads.npz")


def test_weights_of_another_model_are_refused() -> None:
    model = model_of("reference")
    (about,) = questions(1, 5)
    weights = HeadWeights(decoder=np.ones((1, 1)), model="other")
    with pytest.raises(ShapeError, match="of other with"):
        list(LearnedAttention(weights=weights).attribute(PlantedModel([]), [about], no_progress))
    with pytest.raises(SettingsError, match="fit-attention"):
        list(LearnedAttention().attribute(model, [about], no_progress))


@frozen(eq=False)
class ToldApart(PlantedModel):
    who: str | None

    def fingerprint(self) -> str | None:
        return self.who


def test_weights_learned_on_a_model_with_other_weights_are_told() -> None:
    weights = fit_heads(ToldApart([], "this"), questions(4), masks=16, baseline="unk")
    assert weights.fingerprint == "this"

    def told(who: str | None, weights: HeadWeights) -> tuple[str, ...]:
        found = LearnedAttention(weights=weights).attribute(ToldApart([], who), questions(1), no_progress)
        return next(iter(found)).warnings

    assert told("this", weights) == ()
    (warning,) = told("another", weights)
    assert "learned on planted with other weights" in warning
    assert told(None, weights) == ()  # nobody knows
    model, seen = ToldApart([], "this"), []
    for who in ("this", "another", "this"):  # its weights change between calls
        object.__setattr__(model, "who", who)
        found = LearnedAttention(weights=weights).attribute(model, questions(1), no_progress)
        seen.append(len(next(iter(found)).warnings))
    assert seen == [0, 1, 0]
    assert told("another", evolve(weights, fingerprint=None)) == ()  # a file of before


def test_results_of_two_files_of_one_name_are_not_the_same(tmp_path: Path) -> None:
    model = AttributionModel(ReferenceModel("decoder-only"))
    card, path = model.adapter.card, tmp_path / "heads.npz"

    def made(seed: int) -> Attributions:
        drawn = np.random.default_rng(seed).normal(size=(card.layers, card.heads))
        HeadWeights(decoder=drawn, model=card.name).save(path, overwrite=True)
        return model.attribute(
            "the cat sat", "the cat sat on", "learned_attention", weights=str(path), show_progress=False
        )

    one, other, again = made(0), made(1), made(0)
    assert len(merge_attributions([one, again])) == 2
    with pytest.raises(InputError, match="differ in method"):
        merge_attributions([one, other])
    evaluate(one, model, ["max_sensitivity"], removals=["unk"], draws=1)
    with pytest.raises(InputError, match=r"its setting weights = .* is not what it was"):
        evaluate(other, model, ["max_sensitivity"], removals=["unk"], draws=1)


def test_nothing_to_learn_from_is_told() -> None:
    with pytest.raises(InputError, match="no questions"):
        fit_heads(PlantedModel([]), [])
    with pytest.raises(InputError, match="nothing to learn from"):
        NormalEquations.empty(2).solve(0.1)
    with pytest.raises(SettingsError, match="masks"):
        fit_heads(PlantedModel([]), questions(1), masks=2)


@pytest.mark.parametrize(
    "given, message",
    [
        ({"units": "sentences"}, "units = 'sentences' is not known. Did you mean 'sentence'"),
        ({"baseline": "zeros"}, r"baseline = 'zeros' is not known.*\s.*Use a token id or one of unk, pad"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"held_out": 1.0}, "held_out = 1.0"),
        ({"alpha": -0.1}, "alpha = -0.1"),
    ],
)
def test_what_cannot_be_learned_with_is_refused_before_a_pass(given: Any, message: str) -> None:
    asked: list[Any] = []
    with pytest.raises(SettingsError, match=message):
        fit_heads(PlantedModel(asked), questions(1), **given)
    assert not asked
