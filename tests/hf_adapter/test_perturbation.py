"""Perturbation methods on transformers models, against transformers and captum themselves."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import wherefrom
from attrs import evolve
from captum.attr import FeatureAblation as CaptumAblation
from captum.attr import ShapleyValues
from wherefrom.methods import (
    METHODS,
    ContextCite,
    ExactShapley,
    FeatureAblation,
    KernelShap,
    Lime,
    Occlusion,
    Reagent,
    ShapleyValueSampling,
)
from wherefrom.methods.perturbation.ablation import LOG_PROBABILITY, ablate
from wherefrom.methods.perturbation.removal import BASELINES
from wherefrom.methods.perturbation.units import units_of
from wherefrom.progress import no_progress
from wherefrom.testing import question
from wherefrom_hf.adapter import HFModel, load

from tests.zoo import families
from tests.zoo.test_finite import words

MODELS = Path(__file__).parents[1] / "golden" / "data" / "models"
METHODS_HERE = (
    Occlusion(window=2),
    FeatureAblation(units="word"),
    Lime(n_samples=20),
    KernelShap(n_samples=40),
    ShapleyValueSampling(n_samples=2),
    ExactShapley(units="sentence"),
    ContextCite(n_samples=20),
    Reagent(max_probe_steps=2, num_probes=3),
)


@cache
def model_of(name: str, dtype: str = "float32") -> HFModel:
    torch.set_num_threads(1)
    return load(str(MODELS / name), device="cpu", model_kwargs={"dtype": dtype})


def asked_of(model: HFModel, **more):
    return question(model, "the name of the class", "the value is", **more)


@pytest.mark.parametrize("baseline", [*[name for name in BASELINES if name not in ("pad", "mask")], 17])
@pytest.mark.parametrize("name", ["gpt2-tiny", "llama-tiny", "marian-scaled-tiny", "t5-tiny"])
def test_tables_hold_what_transformers_says(name, baseline):
    model = model_of(name)
    asked = asked_of(model)
    units = units_of(asked)
    masks = np.random.default_rng(1).random((5, len(units))) < 0.6
    table = ablate(model, asked, units, masks, baseline=baseline)
    for row, mask in enumerate(table.masks):
        gone = {side: units.positions_removed(mask, side) for side in ("source", "target")}
        for index, step in enumerate(asked.steps):
            if baseline == "hidden" and step - 1 in gone["target"]:
                continue
            expected = transformers_says(model, asked, gone, int(step), baseline)
            said = table.values[LOG_PROBABILITY][row, index]
            assert said == pytest.approx(expected[asked.target_ids[step]].item(), abs=2e-5)


def transformers_says(model: HFModel, asked, gone, step: int, baseline) -> torch.Tensor:
    """Log-probabilities after one prefix, by the model's own forward function."""
    inputs = {}
    for side, ids in (("source", asked.source_ids), ("target", asked.target_ids[:step])):
        if ids is None:
            continue
        prefix = "decoder_" if side == "target" and asked.source_ids is not None else ""
        out = np.isin(np.arange(len(ids)), gone[side])
        visible = ~out if baseline == "hidden" else np.ones(len(ids), bool)
        if baseline == "delete":
            ids = ids[~out] if not out.all() else np.array([model.card.bos_id])
            visible = np.ones(len(ids), bool)
        elif not isinstance(baseline, str) or baseline == "unk":
            ids = np.where(out, model.card.unk_id if baseline == "unk" else baseline, ids)
        if baseline in ("zero", "mean"):
            layer = model.module.get_input_embeddings()
            # encoders of the Marian kind scale embeddings of their own only; its decoder scales given ones too
            config = model.module.config
            scale = config.d_model**0.5 if side == "source" and getattr(config, "scale_embedding", False) else 1.0
            clean = scale * layer(torch.tensor(ids)).detach()
            mean = scale * layer.weight.mean(dim=0).detach()
            blank = torch.zeros_like(mean) if baseline == "zero" else mean
            inputs[f"{prefix}inputs_embeds"] = torch.where(torch.tensor(out)[:, None], blank, clean)[None]
        else:
            inputs[f"{prefix}input_ids"] = torch.tensor(ids)[None]
        inputs[f"{prefix}attention_mask"] = torch.tensor(visible).long()[None]
        if asked.source_ids is None:
            inputs["position_ids"] = torch.arange(len(ids))[None]
    with torch.no_grad():
        return model.module(**inputs).logits[0, -1].log_softmax(-1)


@pytest.mark.parametrize("name", ["gpt2-tiny", "llama-tiny"])
def test_captum_agrees_on_shapley_values_and_ablation(name):
    model = model_of(name)
    asked = question(model, "if x", "is", last=1)
    step = int(asked.steps[0])
    ids = torch.tensor(asked.target_ids[:step])[None]
    baseline = torch.full_like(ids, model.card.unk_id)

    def probability(given: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return model.module(given).logits[:, -1].softmax(-1)[:, asked.target_ids[step]]

    (exact,) = ExactShapley(baseline="unk").attribute(model, [asked], no_progress)
    (kernel,) = KernelShap(baseline="unk").attribute(model, [asked], no_progress)
    (single,) = FeatureAblation(baseline="unk").attribute(model, [asked], no_progress)
    shapley = ShapleyValues(probability).attribute(ids, baselines=baseline).numpy()[0]
    ablation = CaptumAblation(probability).attribute(ids, baselines=baseline).numpy()[0]
    size = np.abs(shapley).max()
    np.testing.assert_allclose(exact.target[:step, 0], shapley, atol=1e-4 * size)
    np.testing.assert_allclose(kernel.target[:step, 0], shapley, atol=1e-4 * size)
    np.testing.assert_allclose(single.target[:step, 0], ablation, atol=1e-4 * size)


@pytest.mark.parametrize("method", METHODS_HERE, ids=lambda method: method.identifier)
@pytest.mark.parametrize("name", ["gpt2-tiny", pytest.param("t5-tiny", marks=pytest.mark.heavy)])
def test_batches_chunks_and_half_precision(name, method):
    model = model_of(name)
    asked = [asked_of(model), question(model, "an object", "is a list")]
    together = list(method.attribute(model, asked, no_progress))
    again = evolve(method, internal_batch_size=3)
    for one, scores in zip(asked, together, strict=True):
        (alone,) = again.attribute(model, [one], no_progress)
        for ours, theirs in ((scores.source, alone.source), (scores.target, alone.target)):
            if ours is not None:
                np.testing.assert_allclose(ours, theirs, atol=1e-4 * max(np.abs(ours).max(), 1e-3))
    (half,) = method.attribute(model_of(name, "bfloat16"), asked[:1], no_progress)
    assert np.isfinite(half.target).all()
    assert half.target.shape == together[0].target.shape


@pytest.mark.parametrize("baseline", ["pad", 0, "unk", "zero"])
@pytest.mark.parametrize("family", ["m2m_100-seq2seq", "fsmt-seq2seq", "bart-seq2seq"])
def test_what_stands_in_for_a_token_moves_and_hides_no_other(family, baseline):
    """Sums along sequential paths, which put embeddings in place, are signed occlusion with the same baseline; M2M100
    and FSMT number positions without padding."""
    torch.set_num_threads(1)
    model = wherefrom.load_model(families.build(family, torch.float64), tokenizer=words(), device="cpu")
    settings = {"attributed_fn": "logit", "baseline": baseline, "attribute_target": True, "show_progress": False}
    texts = ("w5 w6 w7 w8", "w9 w10 w11")
    (removed,) = model.attribute(*texts, method="occlusion", units="token", **settings)
    (path,) = model.attribute(*texts, method="sequential_integrated_gradients", token_sums=True, **settings)
    for side in ("source_attributions", "target_attributions"):
        came, right = getattr(removed, side), getattr(path, side).sum(-1)
        np.testing.assert_allclose(came, right, rtol=0, atol=1e-9 * np.nanmax(np.abs(right)))


def test_what_is_read_as_padding_is_told():
    padding = {
        family: [
            load(families.build(family), tokenizer=words(), device="cpu").reads_as_padding(token, side=side)
            for token in (0, 3)
            for side in ("source", "target")
        ]
        for family in ("m2m_100-seq2seq", "bart-seq2seq")
    }
    assert padding == {"m2m_100-seq2seq": [True, True, False, False], "bart-seq2seq": [False] * 4}


@pytest.mark.parametrize("baseline", ["hidden", "delete", "zero"])
@pytest.mark.parametrize("name", ["gpt2-tiny", "llama-tiny", "bart-tiny"])
def test_nothing_left_is_finite_still(name, baseline):
    model = model_of(name)
    asked = asked_of(model)
    units = units_of(asked)
    table = ablate(model, asked, units, np.zeros((1, len(units)), bool), baseline=baseline)
    assert np.isfinite(table.values[LOG_PROBABILITY]).all()


def test_all_are_registered():
    for method in METHODS_HERE:
        assert METHODS.get(method.identifier) is type(method)
