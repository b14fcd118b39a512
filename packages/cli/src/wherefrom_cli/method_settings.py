"""What ``--set`` and ``--attribution-kwargs`` hand over: settings of the method and its functions, and nothing else.

A command hands them to a function of the library among that function's own arguments. A name that is an argument there
is the command's to give, by an option that says so; typed as a setting it would be dropped, or given twice. A setting
of the method that has such a name (``seed`` of LIME, ``method`` of integrated gradients) is meant for the method, which
is then built here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from wherefrom.errors import UsageError
from wherefrom.methods.contract import METHODS, AnyMethod
from wherefrom.questions.routing import Consumer
from wherefrom.settings import from_mapping

from wherefrom_cli.parser import Declared, Options

WITHOUT_OPTION = frozenset(
    {
        "attributed_span", "contrast_targets", "contrast_sources", "contrast_targets_alignments",
        "contrast_force_inputs", "attribution_args", "attributed_fn_args", "step_scores_args", "add_special_tokens",
        "generation_seed",
    }
)  # fmt: skip
"""Arguments that are given as settings are, in commands that have no option for them."""
_WITH_OPTION = ("budget", "units")
"""Settings of methods that have an option of their own, in some commands."""
_OTHER_WORDS = {
    "input_texts": ("--input-texts", "--dataset"),
    "generated_texts": ("--generated-texts", "--generated"),
    "ids": ("--id-field",),
    "generation_args": ("--generation-kwargs",),
    "progress": ("--quiet",),
    "show_progress": ("--quiet",),
    "pretty_progress": ("--quiet",),
    "prompt": ("--input-texts",),
    "output": ("--output-current-text", "--generated-texts"),
    "current": ("--input-current-text",),
    "context": ("--input-context-text",),
    "output_context": ("--output-context-text",),
    "contextless_input_template": ("--contextless-input-current-text",),
    "contextless_output_template": ("--contextless-output-current-text",),
    "tgt_lang": ("--tokenizer-kwargs",),
}
"""Options that are called otherwise than the argument they give."""


def typed_settings(options: Options, call: Callable[..., Any]) -> dict[str, Any]:
    """The settings that a command line or its configuration names.

    Args:
        call: The function of the library that the command hands them to.

    Raises:
        UsageError: One is an argument of that function, which the command itself gives, and no setting of the method.
    """
    given = _agreed(options)
    own = _arguments(call) - _accepted(options.method, given, call)
    for name in given:
        option = option_of(name, options.known_options)
        if name not in own or (option is None and name in WITHOUT_OPTION):
            continue
        if option is None:
            raise UsageError(
                f"{name!r} is no setting: the command itself gives it to {call.__name__}().\nLeave it out."
            )
        what = "the method" if options.method is None else options.method
        raise UsageError(
            f"{name!r} is no setting of {what}: it has an option of its own, {option.named}.\n"
            "--set and --attribution-kwargs are for settings of the method and its functions."
        )
    return given


def _agreed(options: Options) -> dict[str, Any]:
    """All settings that are named, each with one value: ``--set`` and options of their own before a file's.

    Raises:
        UsageError: Two on the command line contradict each other.
    """
    own = {name: value for name in _WITH_OPTION if (value := vars(options).get(name)) is not None}
    typed = options.typed_among({"attribution_kwargs", "set", *own})
    sources: list[tuple[str, Mapping[str, Any]]] = [
        *((f"--{name}", {name: value}) for name, value in own.items() if f"--{name}" not in typed),
        ("--attribution-kwargs", options.attribution_kwargs),
        ("--set", dict(options.set)),
        *((f"--{name}", {name: value}) for name, value in own.items() if f"--{name}" in typed),
    ]
    given: dict[str, Any] = {}
    said: dict[str, str] = {}
    for option, settings in sources:
        for name, value in settings.items():
            if name in given and given[name] != value and {option, said[name]} <= set(typed):
                raise UsageError(
                    f"{said[name]} and {option} contradict each other: {name} = {given[name]!r} and {value!r}.\n"
                    "Give one of them."
                )
            given[name], said[name] = value, option
    return given


def option_of(argument: str, names: Mapping[str, Declared]) -> Declared | None:
    """The option that gives an argument of the function a command calls; None: there is none."""
    words = ("--" + argument.replace("_", "-"), *_OTHER_WORDS.get(argument, ()))
    return next((names[word] for word in words if word in names), None)


def addressed(
    method: str | None, settings: Mapping[str, Any], call: Callable[..., Any]
) -> tuple[str | AnyMethod | None, dict[str, Any]]:
    """The method, and the settings that can be arguments of ``call`` beside it.

    Where a setting of the method has the name of another argument, the method is built with all of its settings.
    """
    own = _accepted(method, settings, call)
    if not own:
        return method, dict(settings)
    cls: Any = METHODS.get(str(method))
    mine = {name: value for name, value in settings.items() if name in Consumer(cls=cls, label="").accepts}
    rest = {name: value for name, value in settings.items() if name not in own}
    return from_mapping(cls, mine, where=f"method {cls.identifier!r}"), rest


def _arguments(call: Callable[..., Any]) -> set[str]:
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return {name for name, one in inspect.signature(call).parameters.items() if one.kind not in kinds}


def _accepted(method: str | None, given: Mapping[str, Any], call: Callable[..., Any]) -> frozenset[str]:
    """Names of settings that the method takes although they are those of other arguments."""
    shared = _arguments(call) & given.keys()
    if not shared or method is None:
        return frozenset()
    return frozenset(shared & Consumer(cls=METHODS.get(method), label="").accepts)
