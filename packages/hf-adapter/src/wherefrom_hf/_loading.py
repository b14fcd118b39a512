"""From a hub id, a path, ``demo:NAME`` or a model object to a model and its tokenizer."""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
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
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging
from transformers.utils.hub import cached_file
from transformers.utils.import_utils import is_peft_available
from transformers.utils.peft_utils import find_adapter_config_file
from wherefrom.errors import ModelLoadError, SettingsError, WherefromWarning, nearest

from wherefrom_hf.demo import NotFetchedError, UnknownDemoModelError, demo_path
from wherefrom_hf.running.placement import move, parse_device, pinned
from wherefrom_hf.wrappers import refuse_what_the_wrapper_does, unwrapped

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
    where: dict[str, Any] = {}
    if isinstance(model, str):
        name = model
        path = _path_of(name)
        _check_dtype(model_kwargs)
        module = _load_model(path, name, model_kwargs)
        refuse_what_the_wrapper_does(module)
        if tokenizer is None:
            where = _where(model_kwargs)
            tokenizer = _place_of_tokenizer(path, module, where)
    else:
        module = unwrapped(model)
        name = module.config.name_or_path or type(module).__name__
    own = {key: value for key, value in tokenizer_kwargs.items() if key != "chat_template_kwargs"}
    loaded_tokenizer = _load_tokenizer(tokenizer, module, {**where, **own})
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


_WHERE = (
    "revision",
    "subfolder",
    "token",
    "cache_dir",
    "local_files_only",
    "force_download",
    "proxies",
    "trust_remote_code",
    "code_revision",
    "gguf_file",
)
"""Arguments that say where files lie and whether code there may run: of model, configuration and tokenizer."""


def _where(model_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: model_kwargs[key] for key in _WHERE if key in model_kwargs}


def _load_model(path: str, name: str, model_kwargs: Mapping[str, Any]) -> PreTrainedModel:
    try:
        config = model_kwargs.get("config") or _config(path, model_kwargs)
        auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        with _bars_as_wanted():
            loaded = auto.from_pretrained(path, **_with_full_precision(name, model_kwargs))
    except (OSError, ValueError, KeyError, TypeError, ImportError, RuntimeError, SafetensorError) as error:
        raise ModelLoadError(_cannot_load("model", name, error)) from error
    if not isinstance(loaded, PreTrainedModel):
        raise ModelLoadError(f"{name!r} gave a {type(loaded).__name__}; expected a model that generates text.")
    return loaded


def _config(path: str, model_kwargs: Mapping[str, Any]) -> PreTrainedConfig:
    """The configuration of a model; of an adapter of peft, which has none of its own, that of the model it is for."""
    where = _where(model_kwargs)
    try:
        return AutoConfig.from_pretrained(path, **where)
    except (OSError, ValueError):
        adapter = _of_adapter(where, model_kwargs.get("adapter_kwargs") or {})
        found = find_adapter_config_file(path, **adapter)
        if found is None:
            raise
    if not is_peft_available():
        raise ImportError("This is an adapter of peft, which is not installed: pip install peft")
    base = json.loads(Path(found).read_text(encoding="utf-8"))["base_model_name_or_path"]
    return AutoConfig.from_pretrained(base, **where)


def _of_adapter(where: Mapping[str, Any], adapter_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Where the files of an adapter lie, as transformers looks for them."""
    shared = ("revision", "token", "cache_dir", "local_files_only", "force_download", "proxies")
    given = {**{key: where[key] for key in shared if key in where}, **adapter_kwargs}
    return {key: value for key, value in given.items() if key in (*shared, "subfolder")}


def _place_of_tokenizer(path: str, module: PreTrainedModel, where: Mapping[str, Any]) -> str:
    """The model's own name; of an adapter that was saved without a tokenizer, that of the model it is for."""
    if not module._hf_peft_config_loaded:
        return path
    own = cached_file(path, "tokenizer_config.json", **_of_adapter(where, {}), **_OR_NONE)
    return path if own else module.config.name_or_path or path


_OR_NONE: dict[str, Any] = {
    f"_raise_exceptions_for_{what}": False for what in ("gated_repo", "missing_entries", "connection_errors")
}


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
    tokenizer: str | PreTrainedTokenizerBase | None, module: PreTrainedModel, tokenizer_kwargs: Mapping[str, Any]
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
        raise ModelLoadError(_cannot_load("tokenizer", path, error, tokenizer_kwargs.get("subfolder"))) from error
    assert isinstance(loaded, PreTrainedTokenizerBase)
    return loaded


def _cannot_load(what: str, name: str, error: Exception, subfolder: str | None = None) -> str:
    """One line on what could not be loaded, one on why, one on what to try."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason, *rest = lines or [type(error).__name__]
    if reason.endswith(":"):  # a list follows
        reason = " ".join([reason, *rest])
    if len(reason) > 200:
        reason = reason[:200].rstrip() + " ..."
    told = [line for line in rest if _SAYS_WHAT_TO_DO.search(line) and len(line) <= 200]
    advice = (
        "Give the id of a model on the hub (with network access), the path of a folder saved with save_pretrained(), "
        "or one that ships with us: demo:lm, demo:mt."
    )
    if _IS_A_PATH.match(name) and not Path(name).exists():
        advice = f"There is no folder {name!r}. Give the path of one saved with save_pretrained(), or an id on the hub."
    elif what == "tokenizer" and Path(name).is_dir():
        advice = (
            "If that folder holds a model without its tokenizer: tokenizer=... (--tokenizer) with the name or path of "
            "the one it was trained with."
        )
    if "trust_remote_code" in str(error):
        advice = (
            f"Where you trust that code: {what}_kwargs={{'trust_remote_code': True}}; of a model it holds for the "
            "tokenizer, too, which is found by its name."
        )
    elif subfolder:
        advice = (
            f"It was looked for in the subfolder {subfolder!r}. If it is elsewhere: "
            "tokenizer_kwargs={'subfolder': ...}, '' for none; or tokenizer=... with its own name or path."
        )
    return f"The {what} {name!r} could not be loaded.\n{type(error).__name__}: {' '.join([reason, *told])}\n{advice}"


_IS_A_PATH = re.compile(r"[./~]|[A-Za-z]:[\\/]")
"""How the path of a folder begins, and no id on the hub."""

_SAYS_WHAT_TO_DO = re.compile(r"\b(pass|set|install|upgrade)\b", re.IGNORECASE)
