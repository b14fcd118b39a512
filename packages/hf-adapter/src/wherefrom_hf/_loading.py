"""From a hub id, a path, ``demo:NAME`` or a model object to a model and its tokenizer."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from attrs import field, frozen
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging
from wherefrom.errors import ModelLoadError, SettingsError, WherefromWarning, nearest

from wherefrom_hf.demo import NotFetchedError, UnknownDemoModelError, demo_path
from wherefrom_hf.running.placement import move, parse_device, pinned
from wherefrom_hf.wrappers import unwrapped

DEMO_PREFIX = "demo:"
_DTYPES = ("float32", "bfloat16", "float16", "float64")


@frozen(eq=False)
class Loaded:
    """A model ready to be asked, and what it was called."""

    module: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    chat_template_kwargs: Mapping[str, Any] = field(factory=dict)


def load_pretrained(
    model: str | nn.Module,
    *,
    tokenizer: str | PreTrainedTokenizerBase | None,
    device: str | torch.device | None,
    model_kwargs: Mapping[str, Any],
    tokenizer_kwargs: Mapping[str, Any],
) -> Loaded:
    """Load what is not loaded yet and move it to ``device``.

    A model object keeps its dtype, attention implementation, mode and gradients. Quantised and dispatched models
    (``device_map``) are never moved.

    Raises:
        ModelLoadError: The model or tokenizer is not there, or is of a kind that generates no text.
        SettingsError: ``device`` names no device, or the ``dtype`` of ``model_kwargs`` no type of weights, or
            ``model`` is neither name nor model, or wraps one in a way that cannot be looked through.
    """
    if isinstance(model, str):
        name = model
        path = _path_of(name)
        _check_dtype(model_kwargs)
        module = _load_model(path, name, model_kwargs)
        tokenizer = tokenizer if tokenizer is not None else path
    else:
        module = unwrapped(model)
        name = module.config.name_or_path or type(module).__name__
    own = {key: value for key, value in tokenizer_kwargs.items() if key != "chat_template_kwargs"}
    loaded_tokenizer = _load_tokenizer(tokenizer, name, module, own)
    _move(module, device)
    return Loaded(module, loaded_tokenizer, name, tokenizer_kwargs.get("chat_template_kwargs") or {})


def _path_of(name: str) -> str:
    """Where a model is to be found: a demo model in this package, anything else where it says."""
    if not name.startswith(DEMO_PREFIX):
        return name
    try:
        return str(demo_path(name))
    except (UnknownDemoModelError, NotFetchedError) as error:
        raise ModelLoadError(str(error)) from error


def default_device() -> torch.device:
    """The accelerator this machine has, or the host."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def _move(module: PreTrainedModel, device: str | torch.device | None) -> None:
    if pinned(module):
        if device is not None:
            warnings.warn(
                f"{type(module).__name__} is quantised or spread by device_map and stays where it is; "
                f"device={str(device)!r} is not applied.",
                WherefromWarning,
                stacklevel=4,
            )
        return
    move(module, default_device() if device is None else parse_device(device))


def _load_model(path: str, name: str, model_kwargs: Mapping[str, Any]) -> PreTrainedModel:
    known = ("revision", "token", "cache_dir", "local_files_only", "trust_remote_code", "subfolder")
    shared = {key: model_kwargs[key] for key in known if key in model_kwargs}
    try:
        config = model_kwargs.get("config") or AutoConfig.from_pretrained(path, **shared)
        auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        with _bars_as_wanted():
            loaded = auto.from_pretrained(path, **_with_full_precision(name, model_kwargs))
    except (OSError, ValueError, KeyError, TypeError, ImportError, RuntimeError, SafetensorError) as error:
        raise ModelLoadError(_cannot_load("model", name, error)) from error
    if not isinstance(loaded, PreTrainedModel):
        raise ModelLoadError(f"{name!r} gave a {type(loaded).__name__}; expected a model that generates text.")
    return loaded


def _check_dtype(model_kwargs: Mapping[str, Any]) -> None:
    """Refuse what no weights can be computed in, before a model is fetched.

    Raises:
        SettingsError: It is no type of floating-point numbers.
    """
    for name in ("dtype", "torch_dtype"):
        asked = model_kwargs.get(name)
        found = getattr(torch, asked, None) if isinstance(asked, str) else asked
        if asked in (None, "auto") or isinstance(asked, Mapping):
            continue
        if not isinstance(found, torch.dtype) or not found.is_floating_point:
            shown = repr(asked) if isinstance(asked, str) else str(asked)
            raise SettingsError(
                f"{name} = {shown}: weights cannot be computed in that.{nearest(str(asked), _DTYPES)} Use one of "
                f"{', '.join(_DTYPES)}, or 'auto' for the one they are stored in. Weights of 8 and 4 bits have a "
                "quantization_config instead."
            )


@contextmanager
def _bars_as_wanted() -> Iterator[None]:
    """Obey ``HF_HUB_DISABLE_PROGRESS_BARS`` as it is now: transformers reads it once, when it is imported."""
    if os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS") != "1" or not logging.is_progress_bar_enabled():
        yield
        return
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.enable_progress_bar()


def _with_full_precision(name: str, model_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The demo models are stored in half precision to be small, and computed in full precision."""
    if name.startswith(DEMO_PREFIX) and not {"dtype", "torch_dtype"} & set(model_kwargs):
        return {**model_kwargs, "dtype": torch.float32}
    return dict(model_kwargs)


def _load_tokenizer(
    tokenizer: str | PreTrainedTokenizerBase | None,
    name: str,
    module: PreTrainedModel,
    tokenizer_kwargs: Mapping[str, Any],
) -> PreTrainedTokenizerBase:
    if isinstance(tokenizer, PreTrainedTokenizerBase):
        return tokenizer
    path = tokenizer or module.config.name_or_path
    if not path:
        raise ModelLoadError(
            f"{type(module).__name__} does not say where its tokenizer is. "
            "Pass tokenizer=..., a tokenizer object or the name or path of one."
        )
    try:
        loaded = AutoTokenizer.from_pretrained(path, **tokenizer_kwargs)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise ModelLoadError(_cannot_load("tokenizer", path, error)) from error
    assert isinstance(loaded, PreTrainedTokenizerBase)
    return loaded


def _cannot_load(what: str, name: str, error: Exception) -> str:
    """One line on what could not be loaded, one on why, one on what to try."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = lines[0] if lines else type(error).__name__
    if len(reason) > 200:
        reason = reason[:200].rstrip() + " ..."
    return (
        f"The {what} {name!r} could not be loaded.\n"
        f"{type(error).__name__}: {reason}\n"
        "Give the id of a model on the hub (with network access), the path of a folder saved with save_pretrained(), "
        "or one that ships with us: demo:lm, demo:mt."
    )
