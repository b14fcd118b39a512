"""From a preset or an object to a causal model with a tokeniser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen
from wherefrom.errors import ModelLoadError, SettingsError

from wherefrom_keras.backend import keras_hub, need_jax


@frozen(eq=False)
class Opened:
    """A causal model of KerasHub and how its texts are tokenised."""

    task: Any
    """``keras_hub.models.CausalLM``."""
    tokenizer: Any
    """``keras_hub.tokenizers.Tokenizer``."""
    name: str
    tokenizer_name: str
    """The preset that was named for it, otherwise that of the model."""
    starts: bool
    """Does a text begin with the tokeniser's start token?"""


def opened(model: Any, tokenizer: Any, model_kwargs: Mapping[str, Any], tokenizer_kwargs: Mapping[str, Any]) -> Opened:
    """See `wherefrom_keras.adapter.load`.

    Raises:
        ModelLoadError: It is no causal model, there is none of that name, or it has no tokeniser.
        SettingsError: Keywords are given for an object that is made already.
    """
    need_jax()
    if isinstance(model, str):
        name, task = model, _from_preset(keras_hub.models.CausalLM, model, model_kwargs)
    else:
        if model_kwargs:
            raise SettingsError(
                f"model_kwargs ({', '.join(model_kwargs)}) are for loading, and the model is an object already. "
                "Give them where it is made."
            )
        name, task = getattr(model, "name", type(model).__name__), model
    if not isinstance(task, keras_hub.models.CausalLM):
        raise ModelLoadError(
            f"A keras_hub.models.CausalLM was expected, {type(task).__name__} came. Wrap a backbone in its CausalLM."
        )
    tokenizer_name = name
    if isinstance(tokenizer, str):
        tokenizer_name = tokenizer
        tokenizer = _from_preset(keras_hub.tokenizers.Tokenizer, tokenizer, tokenizer_kwargs)
    elif tokenizer_kwargs:
        raise SettingsError("tokenizer_kwargs are for loading a tokenizer by name; give tokenizer='preset' with them.")
    preprocessor = getattr(task, "preprocessor", None)
    tokenizer = tokenizer or getattr(preprocessor, "tokenizer", None)
    if tokenizer is None:
        raise ModelLoadError(
            f"{name} has no preprocessor, so nothing turns text into tokens. Give tokenizer=..., a "
            "keras_hub.tokenizers.Tokenizer or the name of a preset."
        )
    return Opened(task, tokenizer, name, tokenizer_name, bool(getattr(preprocessor, "add_start_token", True)))


def _from_preset(kind: Any, name: str, keywords: Mapping[str, Any]) -> Any:
    try:
        return kind.from_preset(name, **keywords)
    except (ValueError, OSError, TypeError) as error:
        raise ModelLoadError(f"KerasHub loads no {kind.__name__} from {name!r}: {error}") from error
