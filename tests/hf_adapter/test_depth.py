"""Gradient times activation at a depth: the block of each stack that lies so deep, without a name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import transformers
from attrs import evolve
from wherefrom.adapters import Row
from wherefrom.adapters.layers import Depth
from wherefrom.errors import SettingsError
from wherefrom.methods import LayerGradientXActivation
from wherefrom.progress import no_progress
from wherefrom.testing import question
from wherefrom_hf.inside import layers
from wherefrom_hf.inside.layers import layer_gradients
from wherefrom_hf.running.attention_kernel import FUSED
from wherefrom_hf.running.embedding import input_embedding
from wherefrom_hf.running.predict import Predictor
from wherefrom_hf.running.stacks import stack_of

from tests.hf_adapter.architectures import CONFIGS, UNUSUAL, build, rows_for
from tests.hf_adapter.test_attention_gradients import asked, predictor_of
from tests.laws.models import model_of
from tests.zoo import families

STACKS = {
    "gpt2": "transformer.h",
    "llama": "model.layers",
    "deepseek_v3": "model.layers",
    "gpt_neox": "gpt_neox.layers",
    "opt": "model.decoder.layers",
    "mpt": "transformer.blocks",
    "mamba": "backbone.layers",
    "ctrl": "transformer.h",
    "recurrent_gemma": "model.layers",
}


@pytest.mark.parametrize("blocks, share, index", [(30, 0.5, 14), (2, 0.5, 0), (1, 0.5, 0), (3, 1.0, 2), (24, 0.01, 0)])
def test_depth_names_a_block(blocks: int, share: float, index: int) -> None:
    assert Depth(share=share).block(blocks) == index


@pytest.mark.parametrize("share", [0.0, -0.1, 1.5])
def test_depths_outside_the_stack_are_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        Depth(share=share)


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma3"])
def test_long_rows_keep_no_attention_weights(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all heads' weights would not fit, the fused kernel runs, and says the same."""
    module, rows = build(name, attention="eager"), [asked(row) for row in rows_for(name)]
    predictor = Predictor(module, None, input_embedding(module), 0)
    plain = list(layer_gradients(predictor, rows, Depth(share=0.5), None, None))
    monkeypatch.setattr(predictor, "_memory_limit", 1)
    used: list[str] = []
    run = layers.attention_implementation

    def noted(module: Any, implementation: str) -> Any:
        used.append(implementation)
        return run(module, implementation)

    monkeypatch.setattr(layers, "attention_implementation", noted)
    for came, expected in zip(layer_gradients(predictor, rows, Depth(share=0.5), None, None), plain, strict=True):
        assert came.target is not None
        torch.testing.assert_close(came.target, expected.target, rtol=1e-3, atol=1e-5)
    assert set(used) == {FUSED}


@pytest.mark.parametrize("name", list(STACKS))
def test_a_depth_is_the_block_that_has_it(name: str) -> None:
    predictor = predictor_of(name)
    row = asked(rows_for(name)[0])
    assert stack_of(predictor.module, "target") is predictor.module.get_submodule(STACKS[name])
    (came,) = layer_gradients(predictor, [row], Depth(share=0.5), None, None)
    middle = Depth(share=0.5).block(len(stack_of(predictor.module, "target")))
    (expected,) = layer_gradients(predictor, [row], f"{STACKS[name]}[{middle}]", None, None)
    assert came.target is not None
    assert came.target.abs().max() > 0
    torch.testing.assert_close(came.target, expected.target)
    torch.testing.assert_close(came.states.target, expected.states.target)


def test_a_depth_of_a_model_that_reads_pictures_too_is_among_the_blocks_that_a_text_runs_through() -> None:
    module = families.build("git").double()
    predictor = Predictor(module, None, input_embedding(module), 0)
    row = asked(rows_for("gpt2")[0])
    (came,) = layer_gradients(predictor, [row], Depth(share=0.5), None, None)
    (expected,) = layer_gradients(predictor, [row], "git.encoder.layer[0]", None, None)
    assert came.target is not None
    assert came.target.abs().max() > 0
    torch.testing.assert_close(came.target, expected.target)


@pytest.mark.parametrize(
    "name, stack",
    [
        ("GitForCausalLM", "git.encoder.layer"),
        ("Blip2ForConditionalGeneration", "language_model.model.decoder.layers"),
        ("Qwen2VLForConditionalGeneration", "model.language_model.layers"),
        ("PaliGemmaForConditionalGeneration", "model.language_model.layers"),
    ],
)
def test_what_reads_pictures_may_be_the_larger_part(name: str, stack: str) -> None:
    """As large as they are by default, without numbers."""
    kind = getattr(transformers, name)
    with torch.device("meta"):
        module = kind(kind.config_class())
    assert stack_of(module, "target") is module.get_submodule(stack)


@pytest.mark.parametrize("name", ["bart", "t5", "m2m_100", "switch"])
@pytest.mark.parametrize("sides", [("source",), ("source", "target")])
def test_both_stacks_of_an_encoder_decoder(name: str, sides: tuple[Any, ...]) -> None:
    """Against a plain pass: hooks on both blocks, one backward pass for each step."""
    predictor = predictor_of(name)
    row = asked(rows_for(name)[0])
    (came,) = layer_gradients(predictor, [row], Depth(share=0.5, sides=sides), None, None)
    source, target = plainly(predictor.module, row, sides)
    assert came.source is not None
    np.testing.assert_allclose(came.source.numpy(), source, atol=1e-12 * np.abs(source).max(), rtol=1e-9)
    assert (came.target is None) == (target is None)
    if came.target is not None and target is not None:
        np.testing.assert_allclose(came.target.numpy(), target, atol=1e-12 * np.abs(target).max(), rtol=1e-9)


def plainly(module: Any, row: Row, sides: tuple[Any, ...]) -> tuple[np.ndarray, np.ndarray | None]:
    cut: dict[str, torch.Tensor] = {}

    def hook(side: str) -> Any:
        def replace(part: Any, given: Any, output: Any) -> Any:
            states = output[0] if isinstance(output, tuple) else output
            cut[side] = states.detach().requires_grad_()
            return (cut[side], *output[1:]) if isinstance(output, tuple) else cut[side]

        return replace

    handles = []
    for side in sides:
        stack = stack_of(module, side)
        handles.append(stack[Depth(share=0.5).block(len(stack))].register_forward_hook(hook(side)))
    assert row.source_ids is not None
    ids = torch.from_numpy(row.target_ids[: int(row.steps.max())])[None]
    output = module(input_ids=torch.from_numpy(row.source_ids)[None], decoder_input_ids=ids)
    for handle in handles:
        handle.remove()
    logs = output.logits[0].log_softmax(-1)
    found: dict[str, list[Any]] = {side: [] for side in sides}
    for step in row.steps:
        value = logs[step - 1, int(row.target_ids[step])]
        grads = torch.autograd.grad(value, [cut[side] for side in sides], retain_graph=True)
        for side, grad in zip(sides, grads, strict=True):
            found[side].append(grad[0].numpy())
    return np.stack(found["source"]), np.stack(found["target"]) if "target" in found else None


@pytest.mark.parametrize("name", ["mixtral", "gemma3", "bloom", "openai-gpt", "roberta", "nllb_moe", "led"])
def test_depth_is_found_elsewhere_too(name: str) -> None:
    assert name in CONFIGS | UNUSUAL
    predictor = predictor_of(name)
    (came,) = layer_gradients(predictor, [asked(rows_for(name)[0])], Depth(share=0.5), None, None)
    assert came.target is not None
    assert torch.isfinite(came.target).all()
    assert came.target.abs().max() > 0


def test_the_method_takes_a_depth_or_a_layer() -> None:
    model = model_of("gpt2-tiny")
    about = question(model, "the name", "of the class")
    with pytest.raises(SettingsError, match="Give one of them"):
        list(
            LayerGradientXActivation(depth=0.5, target_layer="transformer.h[0]").attribute(model, [about], no_progress)
        )
    (by_depth,) = LayerGradientXActivation(depth=0.5).attribute(model, [about], no_progress)
    middle = Depth(share=0.5).block(len(stack_of(model.module, "target")))
    (by_name,) = LayerGradientXActivation(target_layer=f"transformer.h[{middle}]").attribute(
        model, [about], no_progress
    )
    torch.testing.assert_close(by_depth.target, by_name.target)


def test_the_target_of_an_encoder_decoder_is_cut_where_it_is_attributed() -> None:
    model = model_of("t5-tiny")
    about = question(model, "if x", "is no value")
    (alone,) = LayerGradientXActivation(depth=0.5).attribute(
        model, [evolve(about, attribute_target=False)], no_progress
    )
    (both,) = LayerGradientXActivation(depth=0.5).attribute(model, [evolve(about, attribute_target=True)], no_progress)
    assert alone.target is None
    assert both.target is not None
    assert both.target.shape[0] == len(about.target_ids)
    assert np.abs(np.asarray(alone.source) - np.asarray(both.source)).max() > 0
