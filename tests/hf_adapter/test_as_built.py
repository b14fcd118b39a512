"""What was found out about a module is asked anew when it is built otherwise: patched, cut, wired or set anew."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import spectral_norm, weight_norm
from torch.nn.utils.prune import l1_unstructured
from transformers import (
    AttentionInterface,
    AttentionMaskInterface,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
)
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask
from wherefrom import AttributionModel, load_model
from wherefrom.adapters import Row
from wherefrom.errors import ModelCapabilityError, WherefromWarning
from wherefrom_hf.demo import demo_path
from wherefrom_hf.running import as_built
from wherefrom_hf.running.as_built import build_number, look_at
from wherefrom_hf.running.ownership import reserved
from wherefrom_hf.running.probe import Probe

from tests.hf_adapter.architectures import build, rows_for
from tests.hf_adapter.test_probe import predictor_of

PROMPT = "The teacher saw the doctor"
TARGET = f"{PROMPT} because he was ill ."
METHODS: dict[str, dict[str, Any]] = {
    "saliency": {},
    "occlusion": {},
    "integrated_gradients": {"n_steps": 3},
    "attention": {},
    "value_zeroing": {},
    "deeplift": {},
}


def patch(module: Any) -> None:
    """Activation patching at one place of the sequence."""
    module.model.layers[0].register_forward_hook(turned(3))


def turned(place: int) -> Callable[..., Any]:
    def hook(part: nn.Module, inputs: Any, output: Any) -> Any:
        states = output[0] if isinstance(output, tuple) else output
        if states.shape[1] > place:
            states = states.clone()
            states[:, place] *= -3
        return (states, *output[1:]) if isinstance(output, tuple) else states

    return hook


def steer(module: Any) -> None:
    """The same by another forward."""
    layer = module.model.layers[0].mlp
    own = layer.forward

    def forward(states: torch.Tensor) -> torch.Tensor:
        return own(states) + 0.5 * torch.ones_like(states)

    layer.forward = forward


def reorder(module: Any) -> None:
    module.model.layers = nn.ModuleList(reversed(module.model.layers))


def shorten(module: Any) -> None:
    module.model.layers = module.model.layers[:1]
    module.config.num_hidden_layers = 1


class Shift(nn.Module):
    """A feed-forward layer that reads the token before."""

    def __init__(self, own: nn.Module) -> None:
        super().__init__()
        self.own = own

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.own(torch.cat([torch.zeros_like(states[:, :1]), states[:, :-1]], dim=1))
        return answer


def shift(module: Any) -> None:
    last = module.model.layers[-1]
    last.mlp = Shift(last.mlp)


def see_all(module: Any) -> None:
    """Attention that is told by an attribute alone that it may look ahead."""
    for layer in module.model.layers:
        layer.self_attn.is_causal = False


CHANGES = [patch, steer, reorder, shorten, shift, see_all]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(str(demo_path("lm")))


def fresh() -> PreTrainedModel:
    torch.set_num_threads(1)
    return AutoModelForCausalLM.from_pretrained(str(demo_path("lm")), dtype=torch.float32)


def scores(model: AttributionModel, method: str, **settings: Any) -> np.ndarray:
    (found,) = model.attribute(PROMPT, TARGET, method, show_progress=False, **METHODS.get(method, {}), **settings)
    return np.asarray(found.target_attributions)


@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")
@pytest.mark.parametrize(
    "method",
    [*list(METHODS)[:2], *(pytest.param(name, marks=pytest.mark.heavy) for name in list(METHODS)[2:])],
)
@pytest.mark.parametrize("change", CHANGES)
def test_changed_after_a_call_as_changed_before_the_first(
    change: Callable[[Any], None], method: str, tokenizer: Any
) -> None:
    def answer(module: PreTrainedModel) -> np.ndarray | str:
        try:
            return scores(load_model(module, tokenizer=tokenizer), method)
        except Exception as error:  # a refusal is the same refusal
            return str(error)

    asked, other = fresh(), fresh()
    model = load_model(asked, tokenizer=tokenizer)
    before = scores(model, method)
    change(asked)
    change(other)
    expected = answer(other)
    if isinstance(expected, str):
        assert answer(asked) == expected
        return
    came = scores(model, method)
    assert came.shape == expected.shape
    np.testing.assert_allclose(came, expected, rtol=0, atol=1e-6 * np.nanmax(np.abs(expected)))
    if before.shape == expected.shape and change is not shift:
        assert np.nanmax(np.abs(before - expected)) > 1e-3 * np.nanmax(np.abs(expected)), "the change changes nothing"


def test_a_hook_at_one_place_is_at_that_place(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Farther than a probe looks: no pass begins behind it."""
    module = fresh()
    module.model.layers[0].register_forward_hook(turned(60))
    model = load_model(module, tokenizer=tokenizer)
    text = " ".join(["The teacher saw the doctor because he was ill ."] * 6)
    asked: dict[str, Any] = {"method": "occlusion", "units": "word", "attr_pos_start": -4, "show_progress": False}
    (came,) = model.attribute("The teacher", text, **asked)
    monkeypatch.setattr(Probe, "continues", lambda self: False)
    (expected,) = model.attribute("The teacher", text, **asked)
    np.testing.assert_allclose(came.target_attributions, expected.target_attributions, rtol=0, atol=1e-6)


@pytest.mark.parametrize("part", ["lm_head", ""])
def test_a_hook_on_what_sees_the_read_positions_alone_is_told(tokenizer: Any, part: str) -> None:
    module = fresh()
    model = load_model(module, tokenizer=tokenizer)
    before = scores(model, "saliency")
    handle = module.get_submodule(part).register_forward_hook(lambda *_: None)
    with pytest.warns(WherefromWarning, match="sees only the positions that are read"):
        np.testing.assert_allclose(scores(model, "saliency"), before, atol=1e-6)
    handle.remove()

    def looks(*_: Any) -> None:
        pass

    looks.takes_pieces = True  # type: ignore[attr-defined]
    module.get_submodule(part).register_forward_hook(looks)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores(model, "saliency")


@pytest.mark.parametrize("made", [weight_norm, spectral_norm, partial(l1_unstructured, name="weight", amount=0.3)])
def test_hooks_that_make_weights_are_not_told(tokenizer: Any, made: Callable[[Any], Any]) -> None:
    module = fresh()
    module.lm_head.weight = torch.nn.Parameter(module.lm_head.weight.detach().clone())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch has newer forms of two of them
        made(module.lm_head)
    assert module.lm_head._forward_pre_hooks
    scores(load_model(module, tokenizer=tokenizer), "saliency", attributed_fn="logit")  # warnings are errors here
    module.lm_head.register_forward_pre_hook(lambda *_: None)
    with pytest.warns(WherefromWarning, match="sees only the positions that are read"):
        scores(load_model(module, tokenizer=tokenizer), "saliency", attributed_fn="logit")


def test_prompts_are_not_padded_in_front_of_a_hook(tokenizer: Any) -> None:
    module = fresh()
    module.model.layers[0].register_forward_hook(turned(3))
    model = load_model(module, tokenizer=tokenizer)
    prompts = ["The teacher", "The teacher saw the doctor because he"]
    together = model.generate(prompts, max_new_tokens=4)
    assert together == [model.generate(prompt, max_new_tokens=4)[0] for prompt in prompts]


def test_a_look_at_hidden_states_leaves_samples_as_they_were(tokenizer: Any) -> None:
    module = fresh()
    model = load_model(module, tokenizer=tokenizer)

    def drawn() -> list[str]:
        prompts = ["The teacher", "The teacher saw the doctor because he"]
        return model.generate(prompts, max_new_tokens=6, do_sample=True, seed=3)

    before = drawn()
    module(torch.tensor([[3, 4, 5]]), output_hidden_states=True)
    assert any(part._forward_hooks for part in module.modules())
    assert drawn() == before


def test_what_is_built_as_it_was_is_not_asked_again(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module = fresh()
    model = load_model(module, tokenizer=tokenizer)
    for method in METHODS:
        scores(model, method)
    number, asked = build_number(module), []
    own = Probe._logits
    monkeypatch.setattr(Probe, "_logits", lambda self, ids: asked.append(1) or own(self, ids))
    for method in METHODS:
        scores(model, method)
    assert build_number(module) == number
    assert not asked


@pytest.mark.parametrize("name", ["switch", "nllb_moe"])
def test_what_a_module_notes_in_its_passes_is_no_change_of_it(name: str) -> None:
    """The dtype, or the capacity of experts, that the last pass had."""
    module = build(name)
    probe = predictor_of(module).probe
    with reserved(module):
        probe.causal()
    number = build_number(module)
    for row in rows_for(name):
        with reserved(module):
            module(**{side: torch.from_numpy(ids)[None] for side, ids in ids_of(row).items()})
    with reserved(module):
        assert probe.causal() is None
    assert build_number(module) == number
    last = list(module.modules())[-1]
    last.own_setting = 3
    look_at(module)
    assert build_number(module) == number + 1


def ids_of(row: Row) -> dict[str, np.ndarray]:
    if row.source_ids is None:
        return {"input_ids": row.target_ids}
    return {"input_ids": row.source_ids, "decoder_input_ids": row.target_ids}


def test_settings_and_hooks_are_seen_when_they_come_and_go() -> None:
    module = fresh()
    look_at(module)
    number = build_number(module)
    look_at(module)
    assert build_number(module) == number
    handle = module.model.layers[0].register_forward_pre_hook(lambda *_: None)
    look_at(module)
    assert build_number(module) == number + 1
    assert as_built.is_hooked(module)
    handle.remove()
    module.config.sliding_window = 4
    look_at(module)
    assert build_number(module) == number + 2
    assert not as_built.is_hooked(module)
    module.double()
    look_at(module)
    assert build_number(module) == number + 3


def test_a_function_among_the_attributes_of_a_part_is_seen() -> None:
    module = fresh()
    module.model.layers[0].chosen = torch.relu
    look_at(module)
    number = build_number(module)
    module.model.layers[0].chosen = torch.tanh
    look_at(module)
    assert build_number(module) == number + 1


OFF: list[int] = []
"""Heads whose attention is knocked out."""


def knocked_out(module: nn.Module, *inputs: Any, **options: Any) -> tuple[torch.Tensor, None]:
    context, _ = sdpa_attention_forward(module, *inputs, **options)
    context = context.clone()
    context[:, :, OFF] = 0
    return context, None


class Switches:
    """Something that no function can be told by."""

    __slots__ = ("off",)

    def __init__(self) -> None:
        self.off: list[int] = []


@pytest.fixture
def knock_out(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Callable[[], None]:
    """Registers an attention function of a user's; it leaves heads out once it was called."""
    switches = Switches()

    def untold(module: nn.Module, *inputs: Any, **options: Any) -> tuple[torch.Tensor, None]:
        context, _ = sdpa_attention_forward(module, *inputs, **options)
        context = context.clone()
        context[:, :, switches.off] = 0
        return context, None

    def anew() -> None:
        monkeypatch.setitem(AttentionInterface._global_mapping, "own", turned_around)

    def turned_around(module: nn.Module, *inputs: Any, **options: Any) -> tuple[torch.Tensor, None]:
        context, _ = sdpa_attention_forward(module, *inputs, **options)
        return -context, None

    monkeypatch.setattr(f"{__name__}.OFF", [])
    monkeypatch.setitem(AttentionInterface._global_mapping, "own", untold if request.param == "untold" else knocked_out)
    monkeypatch.setitem(AttentionMaskInterface._global_mapping, "own", sdpa_mask)
    return {"told": lambda: OFF.append(0), "untold": lambda: switches.off.append(0), "anew": anew}[request.param]


@pytest.mark.filterwarnings("default::wherefrom.errors.WherefromWarning")
@pytest.mark.parametrize(
    "knock_out, untold", [("told", False), ("untold", True), ("anew", False)], indirect=["knock_out"]
)
def test_attention_of_ones_own_is_asked_again_when_it_says_otherwise(
    knock_out: Callable[[], None], tokenizer: Any, untold: bool, recwarn: pytest.WarningsRecorder
) -> None:
    asked, other = fresh(), fresh()
    for module in (asked, other):
        module.config._attn_implementation = "own"
    model = load_model(asked, tokenizer=tokenizer)
    before = {method: scores(model, method) for method in ("saliency", "attention")}
    knock_out()
    expected = scores(load_model(other, tokenizer=tokenizer), "saliency")
    np.testing.assert_allclose(scores(model, "saliency"), expected, atol=1e-6 * np.abs(expected).max())
    told = [str(one.message) for one in recwarn if "cannot be told from themselves" in str(one.message)]
    assert len(told) == (2 if untold else 0), "once for each of the two"
    assert np.abs(expected - before["saliency"]).max() > 1e-3 * np.abs(expected).max()
    with pytest.raises(ModelCapabilityError, match="instead of 'own' changes"):
        scores(model, "attention")


def test_plain_attention_that_was_replaced_is_not_taken_for_the_loaded_one(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model(fresh(), tokenizer=tokenizer)
    before = scores(model, "saliency")
    file = sys.modules[type(model.adapter.module.model.layers[0].self_attn).__module__]
    plain = file.eager_attention_forward
    monkeypatch.setattr(file, "eager_attention_forward", lambda *given, **options: (-plain(*given, **options)[0], None))
    np.testing.assert_allclose(scores(model, "saliency"), before, rtol=0, atol=1e-4 * before.max())


class FewBits(torch.Tensor):
    """As weights are that a library quantised in place."""


def test_one_weight_of_another_kind_is_seen() -> None:
    module = fresh()
    look_at(module)
    number = build_number(module)
    last = module.model.layers[-1].mlp.down_proj
    last.weight.data = last.weight.data.bfloat16()
    look_at(module)
    assert build_number(module) == number + 1
    last.weight = nn.Parameter(last.weight.data.float().as_subclass(FewBits), requires_grad=False)
    look_at(module)
    assert build_number(module) == number + 2


def test_a_call_under_autocast_spoils_nothing(tokenizer: Any) -> None:
    module = fresh()
    model = load_model(module, tokenizer=tokenizer)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        within = scores(model, "saliency")
        assert torch.is_autocast_enabled("cpu")
    np.testing.assert_array_equal(within, scores(model, "saliency"))


def test_a_hook_that_fails_once_is_asked_again(tokenizer: Any) -> None:
    module, fails = fresh(), [True]

    def hook(*_: Any) -> None:
        if fails:
            raise ValueError("not today")

    module.model.layers[0].register_forward_hook(hook)
    model = load_model(module, tokenizer=tokenizer)
    with pytest.raises(Exception, match="not today"):
        scores(model, "attention")
    fails.clear()
    assert np.isfinite(scores(model, "attention")).any()


@pytest.mark.parametrize("method", ["attention", "value_zeroing", "alti", "deeplift", "gim"])
def test_double_precision_is_looked_into(method: str, tokenizer: Any) -> None:
    """Plain attention makes its weights in single precision, in most models."""
    single = scores(load_model(fresh(), tokenizer=tokenizer), method)
    double = scores(load_model(fresh().double(), tokenizer=tokenizer), method)
    seen = np.isfinite(single)
    np.testing.assert_allclose(double[seen], single[seen], rtol=0, atol=1e-4 * np.abs(single[seen]).max())
