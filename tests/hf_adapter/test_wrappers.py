"""Models that are wrapped: looked through, or refused with the way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer
from wherefrom import load_model
from wherefrom.errors import SettingsError
from wherefrom_hf.demo import demo_path
from wherefrom_hf.wrappers import unwrapped

TEXT = ("The teacher saw", "The teacher saw the doctor .")


def fresh() -> Any:
    torch.set_num_threads(1)
    return AutoModelForCausalLM.from_pretrained(str(demo_path("lm")), dtype=torch.float32)


def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(str(demo_path("lm")))


def scores(module: Any, method: str = "saliency") -> np.ndarray:
    model = load_model(module, tokenizer=tokenizer(), device="cpu")
    return model.attribute(*TEXT, method, show_progress=False)[0].target_attributions


WRAPPERS = {
    "parallel": nn.DataParallel,
    "compiled": torch.compile,
    "both": lambda module: torch.compile(nn.DataParallel(module)),
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=list(WRAPPERS))
@pytest.mark.parametrize("method", ["saliency", "occlusion", "attention"])
def test_what_computes_the_same_is_looked_through(wrap: Any, method: str) -> None:
    module = fresh()
    expected = scores(module, method)
    assert unwrapped(wrap(module)) is module
    assert np.array_equal(scores(wrap(module), method), expected, equal_nan=True)


def counted() -> tuple[list[str], Any]:
    """What a backend of ``torch.compile`` was asked, and the backend."""
    asked: list[str] = []

    def backend(graph: Any, examples: Any) -> Any:
        asked.append("compiled")
        return graph.forward

    return asked, backend


@pytest.mark.parametrize("method", ["saliency", "occlusion", "attention", "deeplift"])
def test_a_module_compiled_in_place_is_watched_and_stays_compiled(method: str) -> None:
    module = fresh()
    expected = scores(module, method)
    asked, backend = counted()
    module.compile(backend=backend)
    compiled = module._compiled_call_impl
    assert np.array_equal(scores(module, method), expected, equal_nan=True)
    assert not asked
    assert module._compiled_call_impl is compiled


def blocks_wrapped(module: Any, backend: Any) -> None:
    for index, block in enumerate(module.model.layers):
        module.model.layers[index] = torch.compile(block, backend=backend)


def blocks_in_place(module: Any, backend: Any) -> None:
    for block in module.model.layers:
        block.compile(backend=backend)


def forward_of_blocks(module: Any, backend: Any) -> None:
    for block in module.model.layers:
        block.forward = torch.compile(block.forward, backend=backend)


def forward_of_the_model(module: Any, backend: Any) -> None:
    module.forward = torch.compile(module.forward, backend=backend)


@pytest.mark.parametrize(
    "compiled", [blocks_wrapped, blocks_in_place, forward_of_blocks, forward_of_the_model], ids=lambda one: one.__name__
)
@pytest.mark.parametrize("method", ["saliency", "value_zeroing", "attention", "alti", "occlusion"])
def test_parts_that_are_compiled_are_watched_and_stay_compiled(compiled: Any, method: str) -> None:
    module = fresh()
    expected = scores(module, method)
    asked, backend = counted()
    compiled(module, backend)
    before = [(*part._modules.values(), part._compiled_call_impl, part.forward) for part in module.modules()]
    assert np.array_equal(scores(module, method), expected, equal_nan=True)
    assert not asked
    assert [(*part._modules.values(), part._compiled_call_impl, part.forward) for part in module.modules()] == before


@pytest.mark.heavy
def test_a_hook_on_a_compiled_part_is_called() -> None:
    module = fresh()
    blocks_wrapped(module, "eager")
    seen: list[Any] = []
    module.model.layers[1].register_forward_hook(lambda *given: seen.append(given))
    scores(module)
    assert seen


def test_a_wrapper_of_ones_own_is_refused_with_the_way_out() -> None:
    class Mine(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

    with pytest.raises(SettingsError, match=r"not Mine\. If it wraps a PreTrainedModel, pass that one"):
        load_model(Mine(fresh()))


@pytest.mark.parametrize("thing", [3, None, object()])
def test_what_is_no_model_is_refused(thing: Any) -> None:
    with pytest.raises(SettingsError, match="load_model takes a hub id"):
        load_model(thing)


def test_a_model_that_generates_nothing_is_refused_with_the_way_out() -> None:
    with pytest.raises(SettingsError, match=r"LlamaModel generates no text.*AutoModelForCausalLM"):
        load_model(fresh().model)


def peft() -> Any:
    return pytest.importorskip("peft", reason="peft is not installed: uv run --with peft pytest")


LORA = {"task_type": "CAUSAL_LM", "r": 4, "target_modules": ["q_proj", "v_proj"], "init_lora_weights": False}


def lora(module: Any, **settings: Any) -> Any:
    config = peft().LoraConfig(**{**LORA, "lora_dropout": 0.5, **settings})
    torch.manual_seed(0)
    return peft().get_peft_model(module, config)


@pytest.mark.parametrize("method", ["saliency", "occlusion", "value_zeroing"])
@pytest.mark.parametrize("task", ["CAUSAL_LM", None])
def test_lora_counts_as_it_does_when_merged(method: str, task: str | None) -> None:
    wrapped = lora(fresh(), task_type=task).train()
    through = scores(wrapped, method)
    assert wrapped.training
    assert all(part.training for part in wrapped.modules())
    merged = wrapped.merge_and_unload()
    assert np.allclose(through, scores(merged, method), rtol=1e-4, atol=1e-5, equal_nan=True)
    assert not np.allclose(through, scores(fresh(), method), rtol=1e-2, atol=1e-3, equal_nan=True)


def test_lora_of_an_encoder_decoder_is_looked_through() -> None:
    module = AutoModelForSeq2SeqLM.from_pretrained(str(demo_path("mt")), dtype=torch.float32)
    wrapped = lora(module, task_type="SEQ_2_SEQ_LM")
    assert unwrapped(wrapped) is module


def test_prompts_that_are_no_tokens_are_refused() -> None:
    config = peft().PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3)
    with pytest.raises(SettingsError, match="stand for no token"):
        load_model(peft().get_peft_model(fresh(), config), tokenizer=tokenizer())


def weighed_by_a_classifier(folder: Path) -> Any:
    for name in "ab":
        lora(fresh()).save_pretrained(str(folder / name))
    module = fresh()
    module.config.use_cache = False
    adapters = {"0": str(folder / "a"), "1": str(folder / "b")}
    hidden = module.config.hidden_size
    return peft().get_peft_model(
        module, peft().XLoraConfig(task_type="CAUSAL_LM", hidden_size=hidden, adapters=adapters)
    )


def of_several_tasks(_: Path) -> Any:
    config = peft().PolyConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj"], n_tasks=2, n_skills=2, n_splits=1)
    return peft().get_peft_model(fresh(), config)


def woken_by_tokens(_: Path) -> Any:
    return lora(fresh(), alora_invocation_tokens=[5, 6])


def woken_by_tokens_in_transformers(_: Path) -> Any:
    module = fresh()
    module.add_adapter(peft().LoraConfig(**LORA, alora_invocation_tokens=[5, 6]))
    return module


REFUSED = {
    weighed_by_a_classifier: r"weighs its adapters by a classifier.*Load the base model alone",
    of_several_tasks: r"needs task_ids beside each input.*Load the base model alone",
    woken_by_tokens: r"acts from its invocation tokens on.*Load the base model alone",
    woken_by_tokens_in_transformers: r"acts from its invocation tokens on.*Load the base model alone",
}


@pytest.mark.parametrize("make", REFUSED, ids=lambda make: make.__name__)
def test_adapters_that_work_in_the_wrapper_are_refused(make: Any, tmp_path: Path) -> None:
    wrapped = make(tmp_path)
    with pytest.raises(SettingsError, match=REFUSED[make]):
        load_model(wrapped, tokenizer=tokenizer(), device="cpu")


def test_adapters_that_are_not_active_do_not_count(tmp_path: Path) -> None:
    wrapped, module = woken_by_tokens(tmp_path), woken_by_tokens_in_transformers(tmp_path)
    wrapped.add_adapter("plain", peft().LoraConfig(**LORA))
    wrapped.set_adapter("plain")
    module.add_adapter(peft().LoraConfig(**LORA), "plain")
    module.set_adapter("plain")
    assert unwrapped(wrapped) is wrapped.get_base_model()
    assert unwrapped(module) is module


def test_a_wrapper_that_says_something_else_is_refused() -> None:
    wrapped = lora(fresh())
    wrapped.register_forward_hook(lambda module, given, output: type(output)(logits=output.logits.roll(1, -1)))
    with pytest.raises(SettingsError, match=r"say different things of the same tokens.*Load the base model alone"):
        load_model(wrapped, tokenizer=tokenizer(), device="cpu")


def test_a_wrapper_that_wants_more_than_tokens_is_refused() -> None:
    def refuse(module: Any, given: Any) -> None:
        raise ValueError("the language is missing")

    wrapped = lora(fresh())
    wrapped.register_forward_pre_hook(refuse)
    with pytest.raises(SettingsError, match=r"tokens alone: the language is missing.*Load the base model alone"):
        load_model(wrapped, tokenizer=tokenizer(), device="cpu")
