"""What people wrap models in: looked through where the model inside says the same, else refused with the way out."""

from __future__ import annotations

import sys
from typing import Any

from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel
from transformers import PreTrainedModel
from wherefrom.errors import SettingsError

from wherefrom_hf.running.compiled import COMPILED_FROM


def unwrapped(model: Any) -> PreTrainedModel:
    """The transformers model that ``model`` is or wraps.

    ``torch.compile``, ``DataParallel``, ``DistributedDataParallel`` and the adapters of peft that live inside the model
    (LoRA and its kin) are looked through: the module inside computes the same.

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
                f"load_model takes a hub id, a path, 'demo:lm', 'demo:mt' or a PreTrainedModel, not "
                f"{type(inside).__name__}.{_way_out(inside)}"
            )
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
            f"{type(config).__name__} puts learned vectors in front of each input, which stand for no token. Load the "
            "base model alone, or attribute with an adapter inside the layers (LoRA)."
        )
    return model.get_base_model()


def _way_out(model: Any) -> str:
    if "FullyShardedDataParallel" in type(model).__name__:
        return " Each process holds parts of its weights only: gather them and load the model inside."
    if isinstance(model, nn.Module):
        return " If it wraps a PreTrainedModel, pass that one."
    return ""
