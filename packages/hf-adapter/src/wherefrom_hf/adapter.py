"""The entry point of this package: core finds `load` here through the entry point ``wherefrom.adapters``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from wherefrom_hf._loading import load_pretrained
from wherefrom_hf._model import HFModel
from wherefrom_hf.running.memory import as_bytes

__all__ = ["HFModel", "load"]


def load(
    model: str | nn.Module,
    *,
    tokenizer: str | PreTrainedTokenizerBase | None = None,
    device: str | torch.device | None = None,
    model_kwargs: Mapping[str, Any] | None = None,
    tokenizer_kwargs: Mapping[str, Any] | None = None,
    memory_limit: int | str | None = None,
) -> HFModel:
    """A transformers model as core wants it.

    Args:
        model: Hub id, local path, ``demo:lm``, ``demo:mt``, or a model object; peft, ``torch.compile`` and
            ``DataParallel`` around one are looked through.
        tokenizer: Name, path or object; default: the model's own.
        device: ``cpu``, ``cuda``, ``cuda:1``, ``mps``, ...; default: the accelerator that is there, else the host.
        model_kwargs: Handed to ``from_pretrained`` of the model (``dtype``, ``device_map``, ``quantization_config``).
            What says where it lies (``revision``, ``subfolder``) and ``trust_remote_code`` go to its tokenizer, too.
        tokenizer_kwargs: Handed to ``from_pretrained`` of the tokenizer (``src_lang``, ``tgt_lang``, ...); its
            ``chat_template_kwargs`` go to the chat template (``{"enable_thinking": False}``, ``tools``, ``documents``,
            ``continue_final_message``).
        memory_limit: What passes may use beside the model and the results, in bytes or as text (``"2 GiB"``); None:
            512 MiB on the host, 8 GiB on an accelerator. Longer inputs then run in smaller parts.

    Raises:
        ModelLoadError: The model or tokenizer could not be loaded; the message says why.
        SettingsError: ``memory_limit`` is no amount of memory.
    """
    given = dict(model_kwargs or {})
    limit = as_bytes(given.pop("memory_limit", memory_limit))  # load_model hands an adapter's own keywords over here
    loaded = load_pretrained(
        model,
        tokenizer=tokenizer,
        device=device,
        model_kwargs=given,
        tokenizer_kwargs=tokenizer_kwargs or {},
    )
    return HFModel(loaded, limit)
