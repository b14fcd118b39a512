"""Metrics tell the truth from what only looks like it, on a model that copies one token."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from wherefrom.attribute import AttributionModel
from wherefrom.evaluation import METRICS as METRICS_BY_NAME
from wherefrom.evaluation import Gold, evaluate, summary
from wherefrom.results.attribution import Attributions

from tests.laws.claims import CLAIMS, claiming
from tests.laws.models import model_of

METRICS = (
    "abpc",
    "aopc_lerf",
    "aopc_morf",
    "comprehensiveness",
    "deletion_auc",
    "insertion_auc",
    "lds",
    "log_odds",
    "naopc",
    "naopc_sufficiency",
    "selfcite_reward",
    "sensitivity_n",
    "soft_comprehensiveness",
    "soft_sufficiency",
    "sufficiency",
    "tau_loo",
    "top_k_drop",
)
"""All that ask the model and rank: infidelity and the completeness gap look at sizes, max-sensitivity and
parameter randomisation at the method."""
GOLD = (
    "auprc",
    "dot_product",
    "mean_rank",
    "mrr",
    "pointing_game",
    "precision_at_k",
    "probes_needed",
    "rank_accuracy",
    "relevance_mass",
    "token_f1",
    "token_iou",
)
CORRELATIONS = ("lds", "sensitivity_n", "tau_loo")
"""Of scores that are all alike but for one unit; noise about the others can look better or worse."""
SHIFT = 2


@cache
def copying(on: str) -> AttributionModel:
    return AttributionModel(model_of(on))


def explained(on: str, method: Any, steps: int = 2) -> Attributions:
    """Steps that repeat what stood two tokens before; all are generated."""
    return copying(on).attribute(
        "the cat saw a dog",
        method=method,
        attributed_fn="logit" if method.uses_target_function else None,
        generation_args={"max_new_tokens": steps},
        show_progress=False,
    )


def truth(result: Attributions) -> Attributions:
    """1 for the token that is copied."""
    one = result[0].aggregate("sum") if result[0].dimensions else result[0]
    scores = np.zeros_like(one.target_attributions, dtype=np.float64)
    for column, step in enumerate(range(one.attr_pos_start, one.attr_pos_end)):
        scores[step - SHIFT, column] = 1.0
    return result.replace(sequence_attributions=(one.replace(target_attributions=scores),))


def opposite(result: Attributions) -> Attributions:
    one = result[0].aggregate("sum") if result[0].dimensions else result[0]
    return result.replace(sequence_attributions=(one.replace(target_attributions=-one.target_attributions),))


@pytest.mark.parametrize("name", claiming("finds"))
def test_law_the_truth_then_the_method_then_chance_then_its_opposite(name: str) -> None:
    method = CLAIMS[name].method("finds", **({"baseline": "zero"} if name in ("occlusion", "feature_ablation") else {}))
    result = explained("copy", method)
    found = evaluate(
        {"truth": truth(result), "method": result, "opposite": opposite(result)},
        copying("copy"),
        METRICS,
        removals=("zero",),
        draws=12,
        curves=False,
    )
    means = {(line.metric, line.method): line.mean for line in summary(found)}
    for metric in METRICS:
        if name == "context_cite" and metric == "tau_loo":
            continue  # it is sparse: ties
        sign = 1 if METRICS_BY_NAME.get(metric).higher_is_better else -1
        best, given, chance, worst = (
            sign * (means[metric, who] or 0.0) for who in ("truth", "method", "random", "opposite")
        )
        assert best >= given - 1e-9 or metric in CORRELATIONS, metric
        assert given > chance > worst, metric


@pytest.mark.parametrize("name", claiming("finds"))
def test_law_gold_units_are_found_by_the_truth_then_the_method_then_chance(name: str) -> None:
    method = CLAIMS[name].method("finds", **({"baseline": "zero"} if name in ("occlusion", "feature_ablation") else {}))
    result = explained("copy", method, steps=1)
    found = evaluate(
        {"truth": truth(result), "method": result, "opposite": opposite(result)},
        copying("copy"),
        GOLD,
        removals=("zero",),
        gold=[Gold(text="the cat saw a dog", spans=((12, 13),))],
        draws=40,
        curves=False,
    )
    means = {(line.metric, line.method): line.mean for line in summary(found)}
    for metric in GOLD:
        sign = 1 if METRICS_BY_NAME.get(metric).higher_is_better else -1
        best, given, chance, worst = (
            sign * (means.get((metric, who)) or 0.0) for who in ("truth", "method", "random", "opposite")
        )
        if metric != "dot_product":  # in the unit of the scores
            assert best >= given - 1e-9, metric
            assert given > chance >= worst, metric
        assert given > worst, metric
