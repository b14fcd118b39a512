"""A model is told from others by all that it computes with, and kept tables answer for that model alone."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AttentionInterface, AutoTokenizer, LlamaConfig, LlamaForCausalLM
from wherefrom import AttributionModel, load_model
from wherefrom.errors import WherefromWarning
from wherefrom.methods.head_weights import HeadWeights
from wherefrom_hf import _model
from wherefrom_hf.demo import demo_path
from wherefrom_hf.running.as_built import build_number
from wherefrom_hf.running.fingerprint import WORDS, fingerprint
from wherefrom_hf.running.ownership import reserved

from tests.hf_adapter.architectures import CONFIGS, UNUSUAL, build, rows_for
from tests.hf_adapter.test_as_built import ids_of
from tests.hf_adapter.test_probe import predictor_of

PROMPT = "The teacher saw"
TARGET = f"{PROMPT} the doctor"


@cache
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(demo_path("lm"))


def module(seed: int = 0) -> Any:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer()),
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=tokenizer().bos_token_id,
        eos_token_id=tokenizer().eos_token_id,
        pad_token_id=tokenizer().pad_token_id,
        initializer_range=0.5,
    )
    return LlamaForCausalLM(config).eval()


def load(built: nn.Module) -> AttributionModel:
    return load_model(built, tokenizer=tokenizer())


def asked(model: AttributionModel, **settings: Any) -> Any:
    result = model.attribute(
        PROMPT, TARGET, method="feature_ablation", attributed_fn="logit", show_progress=False, **settings
    )
    return result[0]


def bump(built: Any) -> None:
    with torch.no_grad():
        built.model.layers[0].mlp.up_proj.weight[1, 2] += 1e-3


def bump_unseen(built: Any) -> None:
    built.model.layers[0].mlp.up_proj.weight.data[1, 2] += 1e-3


def negate(built: Any) -> None:
    """An even number of sign bits: sums of the words alone would not see it."""
    built.lm_head.weight.data.neg_()


def swap_rows(built: Any) -> None:
    weight = built.lm_head.weight.data
    weight[:] = weight.flip(0)


def buffer(built: Any) -> None:
    built.model.rotary_emb.inv_freq.mul_(1.5)


def setting(built: Any) -> None:
    built.model.norm.variance_epsilon = 0.1


def configured(built: Any) -> None:
    built.config.rms_norm_eps = 0.1


@pytest.mark.parametrize("change", [bump, bump_unseen, negate, swap_rows, buffer, setting, configured])
def test_any_change_is_another_fingerprint(change: Callable[[Any], None]) -> None:
    built = module()
    before = fingerprint(built)
    assert before is not None
    assert before == fingerprint(module())
    change(built)
    assert fingerprint(built) != before


class Steered(nn.Module):
    """A user's: adds a vector that is no buffer to what a part says, and applies a function."""

    def __init__(self, inner: nn.Module, **own: Any) -> None:
        super().__init__()
        self.inner = inner
        self.vector: Any = torch.zeros(16)
        self.function: Any = torch.relu
        self.beside: Any = None
        for name, value in own.items():
            setattr(self, name, value)

    def forward(self, *given: Any, **named: Any) -> Any:
        return self.function(self.inner(*given, **named) + self.vector)


class Direction:
    """A user's object."""

    def __init__(self, vector: torch.Tensor) -> None:
        self.vector = vector


class Locked:
    """One that cannot be looked through."""

    __slots__ = ("vector",)


@pytest.mark.parametrize(
    "own",
    [
        {"vector": torch.ones(16)},
        {"vector": torch.ones(16, dtype=torch.bfloat16)},
        {"function": torch.tanh},
        {"function": lambda states: states * 2.0},
        {"beside": [torch.zeros(16), {"one": torch.ones(3)}]},
        {"beside": Direction(torch.ones(3))},
        {"beside": [nn.Linear(2, 2)]},
    ],
)
def test_every_attribute_of_a_part_counts(own: dict[str, Any]) -> None:
    def steered(**own: Any) -> Any:
        built = module()
        built.model.layers[0].mlp = Steered(built.model.layers[0].mlp, **own)
        return built

    before = fingerprint(steered())
    assert before is not None
    assert fingerprint(steered(**own)) == fingerprint(steered(**own)) not in (before, None)
    assert fingerprint(steered(beside=Locked())) is None


def test_functions_beside_the_classes_of_a_model_count(monkeypatch: pytest.MonkeyPatch) -> None:
    built = module()
    attention = type(built.model.layers[0].self_attn)
    seen = [fingerprint(built)]
    with monkeypatch.context() as patched:
        patched.setattr(sys.modules[attention.__module__], "apply_rotary_pos_emb", lambda q, k, *_, **__: (q, k))
        seen.append(fingerprint(built))
    file = sys.modules[attention.__module__]
    monkeypatch.setattr(file, "__compiled_fn_1", lambda: monkeypatch, raising=False)  # torch.compile leaves such
    assert fingerprint(built) == seen[0]
    monkeypatch.setitem(AttentionInterface._global_mapping, "sdpa", lambda *_, **__: (torch.zeros(1), None))
    seen.append(fingerprint(built))
    assert None not in seen
    assert len(set(seen)) == 3


@pytest.mark.parametrize("name", sorted(CONFIGS | UNUSUAL))
def test_every_family_has_a_fingerprint_that_passes_do_not_change(name: str) -> None:
    built = build(name)
    probe = predictor_of(built).probe
    with reserved(built):
        assert probe.causal() is None
        before, number = fingerprint(built), build_number(built)
        ids = {side: torch.from_numpy(ids)[None] for side, ids in ids_of(rows_for(name)[0]).items()}
        for looks in (False, True):  # transformers leaves hooks of its own behind where it looked
            built(**ids, use_cache=False, output_hidden_states=looks)
            assert fingerprint(built) == before is not None
    with reserved(built):
        assert build_number(built) == number


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.int8, torch.uint8, torch.bool])
@pytest.mark.parametrize("size", [1, 3, 8, 8 * WORDS + 5])
def test_every_value_of_every_dtype_counts(dtype: torch.dtype, size: int) -> None:
    part = nn.Module()
    part.register_buffer("held", torch.zeros(size + 1, dtype=dtype)[1:])  # not where words begin
    seen = {fingerprint(part)}
    for place in {0, size // 2, size - 1}:
        part.held[place] = 1
        seen.add(fingerprint(part))
    assert None not in seen
    assert len(seen) == 1 + len({0, size // 2, size - 1})


def test_names_and_shapes_count() -> None:
    def of(name: str, shape: tuple[int, ...]) -> str | None:
        part = nn.Module()
        part.register_buffer(name, torch.zeros(shape))
        return fingerprint(part)

    assert len({of("one", (2, 3)), of("other", (2, 3)), of("one", (3, 2))}) == 3


def test_hooks_and_replaced_code_cannot_be_told() -> None:
    built = module()
    handle = built.model.layers[0].register_forward_hook(lambda part, given, said: said)
    assert fingerprint(built) is None
    handle.remove()
    assert fingerprint(built) is not None
    built.model.norm.forward = lambda states: states
    assert fingerprint(built) is None


def test_code_of_a_class_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    built = module()
    before = fingerprint(built)
    monkeypatch.setattr(type(built.model.norm), "forward", lambda self, states: states)
    assert fingerprint(built) not in (before, None)


def test_weights_are_read_at_every_call_and_once_for_calls_that_keep_the_model_reserved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, read = load(module()), []

    def noted(built: nn.Module) -> str | None:
        read.append(fingerprint(built))
        return read[-1]

    monkeypatch.setattr(_model, "fingerprint", noted)
    card = model.adapter.card
    learned = HeadWeights(decoder=np.ones((card.layers, card.heads)), fingerprint=fingerprint(model.adapter.module))

    def explain() -> None:
        model.attribute(PROMPT, TARGET, method="learned_attention", weights=learned, show_progress=False)

    with model.adapter.reserved():
        explain()  # warnings are errors here
        explain()
    assert len(read) == 1
    model.adapter.module.lm_head.weight.data[0, 0] += 1  # which torch counts as no change
    with pytest.warns(WherefromWarning, match="with other weights"):
        explain()
    assert len(read) == 2


def test_what_does_not_compute_does_not_count() -> None:
    built = module()
    before = fingerprint(built)
    load(built).attribute(PROMPT, TARGET, method="saliency", show_progress=False)
    built.train()
    assert load(built).adapter.fingerprint() == before


def hook(built: Any) -> None:
    built.model.layers[0].register_forward_hook(
        lambda part, given, said: (said[0] * 0.5, *said[1:]) if isinstance(said, tuple) else said * 0.5
    )


@pytest.mark.filterwarnings("ignore:.*tables= kept and reused nothing")
@pytest.mark.parametrize("change", [bump_unseen, hook])
def test_tables_answer_for_their_own_model_alone(change: Callable[[Any], None], tmp_path: Path) -> None:
    model = load(module())
    tables = str(tmp_path / "tables")
    first = asked(model, tables=tables)
    again = asked(model, tables=tables)
    assert first.details["forwards"] > again.details["forwards"] == 0
    np.testing.assert_array_equal(first.target_attributions, again.target_attributions)
    change(model.adapter.module)
    kept, fresh = asked(model, tables=tables), asked(model)
    np.testing.assert_array_equal(kept.target_attributions, fresh.target_attributions)
    other = load(module(seed=1))
    np.testing.assert_array_equal(asked(other, tables=tables).target_attributions, asked(other).target_attributions)


def test_it_is_said_where_tables_keep_nothing(tmp_path: Path) -> None:
    model = load(module())
    hook(model.adapter.module)
    with pytest.warns(UserWarning, match="tables= kept and reused nothing"):
        asked(model, tables=str(tmp_path / "tables"))
    assert not list(tmp_path.rglob("*.npz"))
