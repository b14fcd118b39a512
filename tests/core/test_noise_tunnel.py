"""SmoothGrad, SquareGrad and VarGrad against sums written out, on the reference model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attrs import evolve
from wherefrom.errors import ModelCapabilityError, SettingsError
from wherefrom.methods import DeepLift, InputXGradient, Occlusion, Saliency, SmoothGrad, SquareGrad, VarGrad
from wherefrom.progress import no_progress
from wherefrom.settings import from_mapping
from wherefrom.testing import ReferenceModel, question

MODEL = ReferenceModel()
ABOUT = evolve(question(MODEL, "the cat sat", "on the mat"), seed=3)


def target(method: Any, about: Any = ABOUT) -> Any:
    return next(iter(method.attribute(MODEL, [about], no_progress))).target


def noisy_gradients(count: int, stdev: float) -> np.ndarray:
    """Gradients at noisy copies, drawn as the methods say: from the seed, scaled by the embeddings' range."""
    rng = np.random.default_rng(ABOUT.seed)
    clean = MODEL.embed(ABOUT.target_ids, side="target")
    scale = stdev * (clean.max() - clean.min())
    rows = [ABOUT.row(target_embeds=clean + rng.normal(scale=scale, size=clean.shape)) for _ in range(count)]
    return np.stack([answer.target.transpose(1, 0, 2) for answer in MODEL.gradients(rows)])


def test_formulas() -> None:
    samples = noisy_gradients(4, 0.2)
    settings = {"n_samples": 4, "stdev": 0.2}
    np.testing.assert_allclose(target(SmoothGrad(**settings)), samples.mean(0), atol=1e-12)
    np.testing.assert_allclose(target(SquareGrad(**settings)), (samples**2).mean(0), atol=1e-12)
    np.testing.assert_allclose(target(VarGrad(**settings)), samples.var(0, ddof=1), atol=1e-12)
    np.testing.assert_allclose(target(SmoothGrad(of="saliency", **settings)), np.abs(samples).mean(0), atol=1e-12)


def test_without_noise_the_method_inside_is_left() -> None:
    for of in (Saliency(abs=False), InputXGradient()):
        np.testing.assert_allclose(target(SmoothGrad(of=of, stdev=0.0)), target(of), atol=1e-12)
    assert np.abs(target(VarGrad(stdev=0.0))).max() <= 1e-20


def test_the_noisy_embedding_is_what_a_product_takes() -> None:
    """Input times gradient multiplies by the noisy input, not by the clean one."""
    rng = np.random.default_rng(ABOUT.seed)
    clean = MODEL.embed(ABOUT.target_ids, side="target")
    noisy = clean + rng.normal(scale=0.3 * (clean.max() - clean.min()), size=clean.shape)
    (answer,) = MODEL.gradients([ABOUT.row(target_embeds=noisy)])
    expected = answer.target.transpose(1, 0, 2) * noisy[:, None, :]
    came = target(SmoothGrad(of=InputXGradient(), n_samples=1, stdev=0.3))
    np.testing.assert_allclose(came, expected, atol=1e-12)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"of": Occlusion()}, "occlusion takes no gradients"),
        ({"of": "discretized_integrated_gradients"}, "goes from word to word.*Use saliency"),
        ({"of": Saliency}, "must be a method or its name"),
        ({"n_samples": 0}, "n_samples must be a whole number from 1"),
        ({"stdev": -0.1}, "stdev"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        from_mapping(SmoothGrad, settings, where="method 'smoothgrad'")


def test_the_method_inside_must_suit_the_model() -> None:
    with pytest.raises(ModelCapabilityError, match="deeplift needs"):
        target(SmoothGrad(of=DeepLift()))


def test_what_the_method_inside_cannot_know_is_not_known() -> None:
    class Untold(Saliency):
        def cost(self, question: Any) -> None:
            return None

    assert SmoothGrad(n_samples=2).cost(ABOUT) == Saliency().cost(ABOUT).times(2)
    assert SmoothGrad(of=Untold()).cost(ABOUT) is None
    assert SmoothGrad(of=Untold()).cost_on(MODEL, ABOUT) is None
