"""The entry point: from a model's name to something that can be asked."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import Any, cast

from wherefrom._registry import Registry
from wherefrom.adapters import PredictsSteps, SequenceModel
from wherefrom.adapters.check import members, missing_members
from wherefrom.attribute import AttributionModel
from wherefrom.errors import MissingDependencyError, SettingsError, UnknownNameError, nearest
from wherefrom.methods.capabilities import check_capabilities
from wherefrom.methods.contract import METHODS, AnyMethod, given_method
from wherefrom.results.aggregation import AGGREGATORS
from wherefrom.settings import check_call, fields_of, from_mapping
from wherefrom.step_functions.base import STEP_FUNCTIONS

ADAPTERS: Registry[Callable[..., SequenceModel]] = Registry("framework", group="wherefrom.adapters")
"""Framework id to a function that loads a model: found by the entry point ``wherefrom.adapters``."""

OF_LOADING = (
    *("dtype", "torch_dtype", "device_map", "quantization_config", "revision", "token", "trust_remote_code"),
    *("attn_implementation", "cache_dir", "local_files_only", "subfolder", "load_in_4bit", "load_in_8bit"),
)
"""Keywords that loading takes, and no method."""


def load_model(
    model: Any,
    attribution_method: str | AnyMethod | type[AnyMethod] | None = None,
    framework: str = "hf_transformers",
    *,
    tokenizer: Any = None,
    device: Any = None,
    model_kwargs: dict[str, Any] | None = None,
    tokenizer_kwargs: dict[str, Any] | None = None,
    **method_settings: Any,
) -> AttributionModel:
    """Load a model, ready to be explained.

    Args:
        model: Hub id, local path (a text or a `pathlib.Path`), ``"demo:lm"``, ``"demo:mt"``, a model object, or an
            adapter that is one already.
        attribution_method: The default method: identifier, object or class. It can be chosen at each call as well.
        framework: Which adapter loads the model; see `list_supported_frameworks`.
        tokenizer: Name, path or object; default: the model's own.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``; default: the accelerator that is there, else the host.
        model_kwargs: For loading the model (``dtype``, ``device_map``, ``quantization_config``, ...).
        tokenizer_kwargs: For loading the tokenizer (``src_lang``, ``tgt_lang``, ...); its ``chat_template_kwargs`` go
            to the chat template (``{"enable_thinking": False}``, ``tools``, ``continue_final_message``).
        **method_settings: Settings of the default method (``n_steps=100``, ``target_layer="..."``), and those that the
            adapter names as its own (``memory_limit="2 GiB"``; ``base_url=...`` of ``framework="openai"``).

    Raises:
        ModelLoadError: The model or its tokenizer could not be loaded.
        UsageError: A name or setting is unknown, or the model cannot do what the method needs.
    """
    check_call(load_model, locals())
    _refuse_half_an_adapter(model)
    if isinstance(model, SequenceModel):
        adapter, framework = model, ""
        method = _method(attribution_method, method_settings)
    else:
        if framework == "hf_transformers" and framework not in ADAPTERS:
            raise MissingDependencyError(
                "Models of transformers need the package wherefrom-hf. Install it with: pip install wherefrom-hf"
            )
        load = ADAPTERS.get(framework)
        taken = _takes(load, method_settings)
        method = _method(attribution_method, {n: v for n, v in method_settings.items() if n not in taken})
        adapter = load(
            _named(model),
            tokenizer=_named(tokenizer),
            device=device,
            model_kwargs={**(model_kwargs or {}), **taken} or None,
            tokenizer_kwargs=tokenizer_kwargs,
        )
    if method is not None:
        check_capabilities(adapter, method)
    return AttributionModel(adapter, method, framework=framework)


def list_supported_frameworks() -> list[str]:
    """Identifiers of the installed adapters, sorted."""
    return list(ADAPTERS)


def explain(identifier: str) -> None:
    """Print what a method, step function or aggregator of that name does, with its paper and its settings.

    Raises:
        UnknownNameError: Nothing has that name.
    """
    check_call(explain, locals())
    tables: tuple[Registry[Any], ...] = (METHODS, STEP_FUNCTIONS, AGGREGATORS)
    for table in tables:
        if identifier in table:
            thing = table.get(identifier)
            print(f"{identifier} ({table.kind})\n\n{inspect.getdoc(thing)}")
            print(f"\nSettings: {', '.join(fields_of(thing)) or 'none'}")
            return
    known = [name for table in tables for name in table]
    raise UnknownNameError(f"Nothing is called {identifier!r}.{nearest(identifier, known)} Known: {', '.join(known)}.")


def _named(thing: Any) -> Any:
    """A path as the text that adapters take; anything else as it is."""
    return os.fspath(thing) if isinstance(thing, os.PathLike) else thing


_ADAPTER = (SequenceModel, PredictsSteps)


def _refuse_half_an_adapter(model: Any) -> None:
    """Raise where something is meant to be an adapter, and is none: the class of one, or one that lacks members.

    A card, or most of what an adapter has, is what no model of a framework comes with.
    """
    missing = missing_members(model, _ADAPTER)
    wanted = frozenset.union(*map(members, _ADAPTER))
    if "card" in missing and len(missing) > len(wanted) / 2:
        return
    if isinstance(model, type):
        raise SettingsError(
            f"load_model takes an adapter, and {model.__name__} is the class of one. Give {model.__name__}(...)."
        )
    if isinstance(model, SequenceModel):
        return
    raise SettingsError(
        f"{type(model).__name__} is no adapter: it lacks {', '.join(missing)}. An adapter satisfies SequenceModel and "
        "PredictsSteps (wherefrom.adapters); wherefrom.testing.check_adapter tells what it promises."
    )


def _takes(load: Callable[..., SequenceModel], settings: dict[str, Any]) -> dict[str, Any]:
    """Those of the settings that the adapter's ``load`` names as keyword parameters of its own."""
    own = {name for name, one in inspect.signature(load).parameters.items() if one.kind is one.KEYWORD_ONLY}
    return {name: value for name, value in settings.items() if name in own}


def _method(method: str | AnyMethod | type[AnyMethod] | None, settings: dict[str, Any]) -> AnyMethod | None:
    cls = None if method is None else given_method(method, argument="attribution_method")
    own = fields_of(cls) if isinstance(cls, type) else ()
    misplaced = next((name for name in settings if name in OF_LOADING and name not in own), None)
    if misplaced is not None:
        raise SettingsError(f"{misplaced} is for loading the model: give it as model_kwargs={{'{misplaced}': ...}}.")
    if cls is None:
        if settings:
            raise SettingsError(
                f"load_model got {', '.join(sorted(settings))}, but no attribution_method that could take this."
            )
        return None
    if isinstance(cls, type):
        made: AnyMethod = from_mapping(cast(Any, cls), settings, where=f"method {cls.identifier!r}")
        return made
    if settings:
        raise SettingsError("Give settings in the method object, or give the method by name together with settings.")
    return cls
