"""What people wrap models in: looked through where the model inside says the same, else refused with the way out."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel
from transformers import PreTrainedModel
from wherefrom.errors import SettingsError

from wherefrom_hf.running.compiled import COMPILED_FROM
from wherefrom_hf.running.ownership import reserved
from wherefrom_hf.running.precision import same_numbers
from wherefrom_hf.running.trials import says_nothing


def unwrapped(model: Any) -> PreTrainedModel:
    """The transformers model that ``model`` is or wraps.

    ``torch.compile``, ``DataParallel``, ``DistributedDataParallel`` and the adapters of peft that live inside the model
    (LoRA and its kin) are looked through: the module inside computes the same. Of peft's it is tried on a few tokens.

    Raises:
        SettingsError: It is no such thing, generates no text, or what wraps it takes part in the computation or holds
            parts of it only.
    """
    inside = model
    while not isinstance(inside, PreTrainedModel):
        if isinstance(inside, DataParallel | DistributedDataParallel):
            inside = inside.module
        elif isinstance(inside, nn.Module) and isinstance(inside._modules.get(COMPILED_FROM), nn.Module):
            inside = inside._modules[COMPILED_FROM]
        elif _of_peft(inside):
            inside = _without_peft(inside)
        else:
            raise SettingsError(
                "load_model takes a hub id, a path, 'demo:lm', 'demo:mt', a PreTrainedModel or an adapter, not "
                f"{type(inside).__name__}.{_way_out(inside)}"
            )
    refuse_what_the_wrapper_does(inside)
    if not inside.can_generate():
        raise SettingsError(
            f"{type(inside).__name__} generates no text: it lacks the layer that predicts tokens. Load it as "
            "AutoModelForCausalLM, or AutoModelForSeq2SeqLM where it has an encoder; or give load_model its name."
        )
    return inside


def _of_peft(model: Any) -> bool:
    peft = sys.modules.get("peft")
    return peft is not None and isinstance(model, peft.PeftModel)


def _without_peft(model: Any) -> Any:
    """The base model, with the adapters inside of its layers."""
    config = model.active_peft_config
    if config.is_prompt_learning:
        raise SettingsError(
            f"{type(config).__name__} puts learned vectors in front of each input, which stand for no token. {_PLAIN}"
        )
    active = [model.peft_config[name] for name in model.active_adapters if name in model.peft_config]
    _refuse_active([config, *active])
    inside = model.get_base_model()
    if isinstance(inside, PreTrainedModel):
        _try_both(model, inside, type(config).__name__)
    return inside


_PLAIN = "Load the base model alone, or attribute with an adapter inside the layers (LoRA)."


def refuse_what_the_wrapper_does(model: PreTrainedModel) -> None:
    """Refuse adapters, loaded by transformers, whose layers are told by the forward of peft's wrapper what to do.

    Raises:
        SettingsError: One is active.
    """
    if model._hf_peft_config_loaded:
        active = model.active_adapters()
        _refuse_active(config for name, config in model.peft_config.items() if name in active)


def _refuse_active(adapters: Iterable[Any]) -> None:
    for config in adapters:
        if config.peft_type == "XLORA":
            does = "weighs its adapters by a classifier that peft's wrapper runs on each input"
        elif config.peft_type == "POLY":
            does = "needs task_ids beside each input, which peft's wrapper hands on"
        elif config.peft_type == "LORA" and getattr(config, "alora_invocation_tokens", None):
            does = "acts from its invocation tokens on, which peft's wrapper looks for in each input (aLoRA)"
        else:
            continue
        raise SettingsError(
            f"The adapter ({type(config).__name__}) {does}. The model inside, which is what can be looked into, would "
            f"be explained without it. {_PLAIN}"
        )


def _try_both(wrapper: Any, inside: PreTrainedModel, kind: str) -> None:
    """Ask wrapper and model for a few tokens: does the wrapper do no more than hand them on?

    Raises:
        SettingsError: They say different things, or the wrapper wants more than tokens.
    """
    device = torch.device("cpu") if inside.device.type == "meta" else inside.device
    ids = torch.arange(1, 5, device=device)[None] % inside.config.get_text_config(decoder=True).vocab_size
    given = {"input_ids": ids, **({"decoder_input_ids": ids} if inside.config.is_encoder_decoder else {})}
    with reserved(inside), torch.no_grad():
        try:
            expected = inside(**given).logits
        except _CANNOT as error:  # it needs more than tokens, of which others will tell
            if says_nothing(error):
                raise
            return
        try:
            said = wrapper(**given).logits
        except _CANNOT as error:
            if says_nothing(error):
                raise
            reason = str(error) or type(error).__name__
            raise SettingsError(
                f"peft's wrapper with {kind} says nothing of tokens alone: {reason} {_PLAIN}"
            ) from error
    if not same_numbers(said, expected, _NEAR):
        raise SettingsError(
            f"peft's wrapper with {kind} and the model inside, which is what can be looked into, say different things "
            f"of the same tokens: the wrapper takes part in the computation. {_PLAIN}"
        )


_CANNOT = (TypeError, ValueError, RuntimeError, LookupError, AttributeError)
_NEAR = 1e-3
"""Share of the largest logit by which two passes of one model may differ, in half precision."""


def _way_out(model: Any) -> str:
    if "FullyShardedDataParallel" in type(model).__name__:
        return " Each process holds parts of its weights only: gather them and load the model inside."
    if isinstance(model, nn.Module):
        return " If it wraps a PreTrainedModel, pass that one."
    return ""
