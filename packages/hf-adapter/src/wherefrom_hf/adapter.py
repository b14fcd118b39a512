"""The entry point of this package: core finds `load` here through the entry point ``wherefrom.adapters``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from wherefrom_hf._loading import load_pretrained
from wherefrom_hf._model import HFModel

__all__ = ["HFModel", "load"]


def load(
    model: str | nn.Module,
    *,
    tokenizer: str | PreTrainedTokenizerBase | None = None,
    device: str | torch.device | None = None,
    model_kwargs: Mapping[str, Any] | None = None,
    tokenizer_kwargs: Mapping[str, Any] | None = None,
) -> HFModel:
    """A transformers model as core wants it.

    Args:
        model: Hub id, local path, ``demo:lm``, ``demo:mt``, or a model object; peft, ``torch.compile`` and
            ``DataParallel`` around one are looked through.
        tokenizer: Name, path or object; default: the model's own.
        device: ``cpu``, ``cuda``, ``cuda:1``, ``mps``, ...; default: the accelerator that is there, else the host.
        model_kwargs: Handed to ``from_pretrained`` of the model (``dtype``, ``device_map``, ``quantization_config``).
        tokenizer_kwargs: Handed to ``from_pretrained`` of the tokenizer (``src_lang``, ``tgt_lang``, ...); its
            ``chat_template_kwargs`` go to the chat template (``{"enable_thinking": False}``, ``tools``, ``documents``,
            ``continue_final_message``).

    Raises:
        ModelLoadError: The model or tokenizer could not be loaded; the message says why.
    """
    loaded = load_pretrained(
        model,
        tokenizer=tokenizer,
        device=device,
        model_kwargs=model_kwargs or {},
        tokenizer_kwargs=tokenizer_kwargs or {},
    )
    return HFModel(loaded)
