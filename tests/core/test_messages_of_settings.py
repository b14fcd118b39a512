"""Settings at the ends of what they may be: what is refused names what was given, and what is allowed works."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import wherefrom
from attrs import evolve
from wherefrom.attribute import AttributionModel
from wherefrom.errors import SettingsError, UnknownNameError, nearest
from wherefrom.methods import Gim, IntegratedGradients, Reagent
from wherefrom.methods.checking import with_another_seed
from wherefrom.methods.perturbation.samplers import as_sampler
from wherefrom.methods.sampling.seeds import CHECK, RESAMPLES, random_for, random_of
from wherefrom.settings import LARGEST_SEED, nth_seed
from wherefrom.testing import question

TEXT = "Mary was hungry yesterday."


@pytest.fixture(scope="module")
def model() -> AttributionModel:
    return wherefrom.load_model("demo:lm")


def asked(model: AttributionModel, method: Any, **settings: Any) -> Any:
    return model.attribute(TEXT, f"{TEXT} She", method=method, show_progress=False, **settings)


def test_seeds_that_follow_each_other_share_no_draw() -> None:
    seeds = [0, 1, 2, 3, 2**32 - 1, 2**32, LARGEST_SEED - 1, LARGEST_SEED]
    drawn = [nth_seed(seed, number) for seed in seeds for number in range(50)]
    assert len(set(drawn)) == len(drawn)
    assert all(0 <= one <= LARGEST_SEED for one in drawn)
    assert [nth_seed(seed, 0) for seed in seeds] == seeds
    assert nth_seed(1, 1) == nth_seed(np.int64(1), 1), "a number of numpy is a seed, too"


def test_a_check_asks_with_a_seed_of_its_own(model: AttributionModel) -> None:
    about = question(model.adapter, TEXT, " She")
    others = [with_another_seed(Reagent(seed=seed), evolve(about, seed=seed)) for seed in (0, 1, 2, LARGEST_SEED)]
    assert all(method.seed == asked.seed for method, asked in others)
    seeds = {asked.seed for _, asked in others}
    assert len(seeds) == 4
    assert not seeds & {0, 1, 2, 3, LARGEST_SEED}


def test_what_else_is_drawn_under_a_seed_shares_no_draw_with_rounds(model: AttributionModel) -> None:
    about = question(model.adapter, TEXT, " She")
    for seed in (0, 1, 7, LARGEST_SEED):
        rounds = [random_of(None, evolve(about, seed=seed), number) for number in range(200)]
        drawn = [rng.random() for rng in (*rounds, random_for(RESAMPLES, seed), random_for(CHECK, seed))]
        assert len(set(drawn)) == len(drawn)


def test_the_largest_seed_of_a_method_can_be_checked(model: AttributionModel) -> None:
    few = {"num_probes": 2, "max_probe_steps": 2, "seed": LARGEST_SEED}
    with pytest.warns(wherefrom.errors.WherefromWarning, match="no probe stopped"):
        out = asked(model, "reagent", check=True, attribution_args=few)
    assert "check_stability" in out[0].step_scores


def test_a_number_too_large_is_told_its_range(model: AttributionModel) -> None:
    with pytest.raises(SettingsError, match=r"seed must be a whole number from 0 to 9,223,372,036,854,775,807, not"):
        asked(model, "saliency", seed=2**63)
    with pytest.raises(SettingsError, match=r"attr_pos_start = 9223372036854775808 .*: expected .*whole number.*range"):
        asked(model, "saliency", attr_pos_start=2**63)


def test_nothing_is_no_name_to_suggest(model: AttributionModel) -> None:
    assert nearest("", ["", "model"]) == ""
    with pytest.raises(UnknownNameError, match=r"no part called ''\. Names are those of"):
        asked(model, "layer_gradient_x_activation", target_layer="")


@pytest.mark.parametrize(
    "written, words",
    [
        ("model:", r"'model:' has nothing behind its colon: write 'model:' and its top, or 'model' alone"),
        ("model:a", r"top = 'a' does not fit: expected a whole number"),
    ],
)
def test_a_sampler_says_what_it_expects(written: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        as_sampler(written)


@pytest.mark.parametrize("temperature", [1e300, 1e4, 1e-4, 1e-320])
def test_a_temperature_that_leaves_no_softmax_is_refused(temperature: float, model: AttributionModel) -> None:
    with pytest.raises(SettingsError, match="softmax_temperature"):
        asked(model, "gim", softmax_temperature=temperature)


@pytest.mark.parametrize("temperature", [0.01, 2.0, 1000.0])
def test_other_temperatures_give_numbers(temperature: float, model: AttributionModel) -> None:
    assert Gim(softmax_temperature=temperature).rules.softmax_temperature == temperature
    (out,) = asked(model, "gim", softmax_temperature=temperature)
    begin = int(out.attr_pos_start)
    assert np.isfinite(np.asarray(out.target_attributions)[:begin]).all()


@pytest.mark.parametrize(
    "method, settings, names",
    [
        ("integrated_gradients", {"baseline": "zero", "baselines": "mean"}, "'baseline' and 'baselines'"),
        ("integrated_gradients", {"baselines": "mean", "baseline": "zero"}, "'baselines' and 'baseline'"),
        (IntegratedGradients(), {"baseline": "zero", "baselines": "mean"}, "'baseline' and 'baselines'"),
        (
            "integrated_gradients",
            {"attribution_args": {"method": "riemann_left", "quadrature": "fejer"}},
            "'method' and 'quadrature'",
        ),
        ("smoothgrad", {"nt_samples": 3, "n_samples": 7}, "'nt_samples' and 'n_samples'"),
        (
            "lime",
            {"internal_batch_size": 3, "perturbations_per_eval": 7},
            "'internal_batch_size' and 'perturbations_per_eval'",
        ),
    ],
)
def test_a_setting_is_given_under_one_name(
    model: AttributionModel, method: Any, settings: dict[str, Any], names: str
) -> None:
    with pytest.raises(SettingsError, match=f"{names} are two names of one setting"):
        asked(model, method, **settings)


def test_settings_for_the_method_alone_win_by_either_name(model: AttributionModel) -> None:
    for name in ("baseline", "baselines"):
        out = asked(model, "deeplift", baseline="zero", attribution_args={name: "mean"})
        assert out.info["method"]["settings"]["baseline"] == "mean"
