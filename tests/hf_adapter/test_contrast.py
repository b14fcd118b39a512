"""What must hold of contrasts and step scores whatever the model: identities on random weights of six architectures."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import PreTrainedModel
from wherefrom.adapters import Row
from wherefrom.questions.contrast import Contrast, contrast_logits
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions import STEP_FUNCTIONS
from wherefrom.text.alignment import align
from wherefrom.text.tokens import Token
from wherefrom_hf.running.embedding import input_embeddings
from wherefrom_hf.running.gradients import Differentiator
from wherefrom_hf.running.predict import Predictor

from tests.hf_adapter.architectures import ENCODER_DECODERS, build

ARCHITECTURES = ("gpt2", "llama", "qwen2", "marian", "bart", "t5")
VOCABULARY = 40
FEW = settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
DIFFERENCES = ("contrast_logits_diff", "contrast_prob_diff", "logprob_diff", "pcxmi", "in_context_pvi")

each_architecture = pytest.mark.parametrize("name", ARCHITECTURES)
seeds = st.integers(0, 10**6)


@cache
def model_of(name: str) -> tuple[PreTrainedModel, Predictor, Differentiator]:
    torch.set_num_threads(1)
    module = build(name)
    predictor = Predictor(module, *input_embeddings(module), 0)
    return module, predictor, Differentiator(predictor)


def draw(name: str, seed: int, lengths: tuple[int, ...] = (7,)) -> list[Row]:
    """Rows with random tokens, every step read."""
    random = np.random.default_rng(seed)
    return [
        Row(
            target_ids=random.integers(3, VOCABULARY, length),
            steps=np.arange(1, length),
            source_ids=random.integers(3, VOCABULARY, 5) if name in ENCODER_DECODERS else None,
        )
        for length in lengths
    ]


def asks(row: Row, function: str, contrasts: np.ndarray | None = None, **options: Any) -> TargetFunction:
    given = {key: options.pop(key) for key in ("contrast_logits", "samples") if key in options}
    return TargetFunction(
        function=STEP_FUNCTIONS.get(function)(**options),
        target_ids=row.target_ids[row.steps],
        contrast_ids=contrasts,
        **given,
    )


def gradients(name: str, row: Row, *target_functions: TargetFunction) -> list[Any]:
    """Values and gradients of some target functions of one row."""
    rows = [evolve(row, target_function=target_function) for target_function in target_functions]
    return list(model_of(name)[2].gradients(rows, None, True, True))


def predicted(name: str, rows: list[Row]) -> list[Tensor]:
    return [answer.logits for answer in model_of(name)[1].predict(rows, None)]


def close(found: Tensor | None, expected: Tensor | None, *, scale: Tensor) -> None:
    assert (found is None) == (expected is None)
    if found is not None:
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=2e-5 * float(scale.abs().max()) + 1e-9)


@each_architecture
@given(seed=seeds)
@FEW
def test_gradient_of_a_difference_is_the_difference_of_gradients(name: str, seed: int) -> None:
    (row,) = draw(name, seed)
    contrasts = np.random.default_rng(seed + 1).integers(3, VOCABULARY, len(row.steps))
    instead = evolve(asks(row, "logit"), target_ids=contrasts)
    difference, target, contrast = gradients(
        name, row, asks(row, "contrast_logits_diff", contrasts), asks(row, "logit"), instead
    )
    torch.testing.assert_close(difference.values, target.values - contrast.values, rtol=1e-4, atol=1e-4)
    close(difference.target, target.target - contrast.target, scale=target.target)
    if row.source_ids is not None:
        close(difference.source, target.source - contrast.source, scale=target.source)


@each_architecture
@given(seed=seeds)
@FEW
def test_a_contrast_that_is_the_target_gives_nothing_and_swapping_negates(name: str, seed: int) -> None:
    (row,) = draw(name, seed)
    same = row.target_ids[row.steps]
    contrasts = np.random.default_rng(seed + 1).integers(3, VOCABULARY, len(row.steps))
    for function in DIFFERENCES:
        swapped = evolve(asks(row, function, same), target_ids=contrasts)
        nothing, forth, back = gradients(name, row, asks(row, function, same), asks(row, function, contrasts), swapped)
        assert float(nothing.values.abs().max()) == 0.0
        close(nothing.target, torch.zeros_like(nothing.target), scale=forth.target)
        torch.testing.assert_close(forth.values, -back.values)
        close(forth.target, -back.target, scale=forth.target)
        close(forth.source, None if back.source is None else -back.source, scale=forth.target)


@each_architecture
@given(seed=seeds)
@FEW
def test_step_scores_of_a_model_obey_their_identities(name: str, seed: int) -> None:
    (row,) = draw(name, seed)
    other = evolve(row, target_ids=draw(name, seed + 1)[0].target_ids)
    (logits,) = predicted(name, [other])
    contrasts = other.target_ids[other.steps]
    wanted = {
        "probability": {},
        "crossentropy": {},
        "perplexity": {},
        "surprisal_bits": {},
        "entropy": {},
        "contrast_prob": {},
        "contrast_prob_diff": {},
        "pcxmi": {},
        "in_context_pvi": {"unit": "nats"},
        "kl_divergence": {},
        "top_p_size": {"top_p": 0.7},
        "rank": {},
        "margin": {},
    }
    scores = {key: asks(row, key, contrasts, contrast_logits=logits, **options) for key, options in wanted.items()}
    scores["larger_nucleus"] = asks(row, "top_p_size", top_p=0.9)
    scores["self_divergence"] = asks(row, "kl_divergence", row.target_ids[row.steps])
    scores["filtered"] = asks(row, "kl_divergence", contrasts, contrast_logits=logits, top_k=5, top_p=0.9)
    (answer,) = model_of(name)[1].predict([evolve(row, scores=scores)], None)
    got = {key: values.double() for key, values in answer.scores.items()}
    p, nats = got["probability"], got["crossentropy"]
    torch.testing.assert_close(got["perplexity"], 1 / p, rtol=1e-4, atol=0)
    torch.testing.assert_close(got["perplexity"], torch.exp(nats), rtol=1e-4, atol=0)
    torch.testing.assert_close(got["surprisal_bits"], nats / math.log(2), rtol=1e-5, atol=1e-6)
    assert ((got["entropy"] >= 0) & (got["entropy"] <= math.log(VOCABULARY) + 1e-5)).all()
    torch.testing.assert_close(got["contrast_prob_diff"], p - got["contrast_prob"], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(got["pcxmi"], -torch.log2(p / got["contrast_prob"]), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(got["in_context_pvi"], got["pcxmi"] * math.log(2), rtol=1e-4, atol=1e-5)
    assert (got["kl_divergence"] >= 0).all()
    assert torch.isfinite(got["filtered"]).all()
    assert (got["filtered"] >= 0).all()
    assert (got["self_divergence"] == 0).all()
    assert ((got["top_p_size"] >= 1) & (got["top_p_size"] <= got["larger_nucleus"])).all()
    assert ((got["rank"] == 1) == (got["margin"] >= 0)).all()


@each_architecture
def test_the_contrast_is_scored_on_its_own_prefix_in_one_pass(name: str) -> None:
    module, predictor, _ = model_of(name)
    rows = draw(name, 5, (7, 5))
    others = draw(name, 6, (9, 3))  # the short one is asked for the same position more than once
    contrasts = []
    for row, other in zip(rows, others, strict=True):
        other.target_ids[0] = row.target_ids[0]
        tokens, instead = ([_token(i, at) for at, i in enumerate(ids)] for ids in (row.target_ids, other.target_ids))
        alignment = align(tokens, instead, row.steps)
        contrasts.append(
            Contrast(
                target_ids=other.target_ids,
                target_tokens=tuple(instead),
                source_ids=other.source_ids,
                alignment=alignment,
                original_tokens=tuple(tokens),
                changes_context=True,
            )
        )

    calls: list[int] = []

    class Model:
        def predict(self, asked: Any, *, chunk: int | None = None) -> Any:
            asked = list(asked)
            calls.append(len(asked))
            return predictor.predict(asked, chunk)

    assert len(set(contrasts[1].alignment.positions.tolist())) < len(contrasts[1].alignment.positions)
    together = contrast_logits(Model(), contrasts)
    assert calls == [2]
    for contrast, logits in zip(contrasts, together, strict=True):
        assert logits.shape == (len(contrast.alignment.steps), VOCABULARY)
        for step, position in enumerate(contrast.alignment.positions.tolist()):
            torch.testing.assert_close(logits[step], _last_logits(module, contrast, position), rtol=1e-4, atol=1e-4)


def _token(id_: int, position: int) -> Token:
    return Token(id=int(id_), piece=f"#{id_}", text=f" #{id_}", position=position)


def _last_logits(module: PreTrainedModel, contrast: Contrast, position: int) -> Tensor:
    """What transformers itself predicts after the first so many contrastive tokens."""
    ids = torch.tensor(contrast.target_ids[None, :position])
    with torch.no_grad():
        if contrast.source_ids is None:
            return module(input_ids=ids).logits[0, -1]
        source = torch.tensor(contrast.source_ids[None])
        return module(input_ids=source, decoder_input_ids=ids).logits[0, -1]
