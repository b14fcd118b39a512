"""What the arguments of a call must be, checked before any work is done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from wherefrom.errors import InputError, SettingsError

FLAGS = (
    "override_default_attribution",
    "show_progress",
    "pretty_progress",
    "output_step_attributions",
    "include_eos_baseline",
    "keep_special",
    "generate_from_target_prefix",
    "skip_special_tokens",
    "clean_special_chars",
    "contrast_force_inputs",
    "check",
)


def check_arguments(given: Mapping[str, Any]) -> None:
    """Refuse arguments of `AttributionModel.attribute` that could mean nothing, or not what was meant.

    Args:
        given: Arguments by name.

    Raises:
        SettingsError: One has the wrong type or lies out of range; the message says what was expected.
        InputError: A text cannot be written, or ids are not names.
    """
    for name in FLAGS:
        if not isinstance(given[name], bool | np.bool_):
            raise _wrong(name, "True or False", given[name])
    if given["attribute_target"] is not None and not isinstance(given["attribute_target"], bool | np.bool_):
        raise _wrong("attribute_target", "True, False or None", given["attribute_target"])
    for name in ("attr_pos_start", "attr_pos_end"):
        _whole(name, given[name], "a whole number or None")
    _whole("batch_size", given["batch_size"], "a whole number of at least 1, or None", lowest=1)
    _whole("seed", given["seed"], "a whole number from 0 to 2**63 - 1", lowest=0, optional=False)
    for name in ("generation_args", "attribution_args", "attributed_fn_args", "step_scores_args"):
        value = given[name]
        if value is not None and not (isinstance(value, Mapping) and all(isinstance(key, str) for key in value)):
            raise _wrong(name, 'a dictionary of settings by name, such as {"max_new_tokens": 20}', value)
    several = (given["generation_args"] or {}).get("num_return_sequences", 1)
    _whole("generation_args: num_return_sequences", several, "a whole number of at least 1", lowest=1)
    if given["progress"] is not None and not callable(given["progress"]):
        raise _wrong("progress", "a function of (phase, done, total)", given["progress"])
    if isinstance(given["device"], bool | int | float | bytes | list | dict):
        raise _wrong("device", "a name such as 'cpu' or 'cuda:0', or None", given["device"])
    for name in ("attributed_span", "contrast_targets", "contrast_sources", "contrast_targets_alignments"):
        value = given[name]
        if value is not None and not isinstance(value, Iterable):
            raise _wrong(name, "a text, a list, or None", value)
    if not isinstance(given["step_scores"], Iterable):
        raise _wrong("step_scores", "a list of step functions, or one name", given["step_scores"])
    _names(given["ids"])


def check_number_of_ids(ids: Any, inputs: int, answers_each: Any) -> None:
    """Raise: InputError: There are not so many names as inputs, or as answers to them."""
    if ids is None:
        return
    each = answers_each if isinstance(answers_each, int) and not isinstance(answers_each, bool) else 1
    if len(ids) not in (inputs, inputs * each):
        raise InputError(f"{len(ids)} ids came for {inputs} input_texts. Give one for each, in the same order.")


def check_text(name: str, text: str) -> None:
    """Raise: InputError: The text holds half a character (a lone surrogate), which no tokenizer and no file takes."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{name} has half a character ({text[error.start]!a}, a lone surrogate) at position {error.start}. "
            "It comes from reading bytes that are not UTF-8; read them with errors='replace', or remove it."
        ) from error


def _whole(name: str, value: Any, expected: str, *, lowest: int = -(2**63), optional: bool = True) -> None:
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not lowest <= value < 2**63:
        raise _wrong(name, expected, value)


def _names(ids: Any) -> None:
    if ids is None:
        return
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
        raise InputError(f"ids must be a list of names, one per input, not {ids!r}.")
    for one in ids:
        if one is not None and not isinstance(one, str):
            raise InputError(f"The name of an example must be a text or None, not {one!r}. Write ids=[str(name), ...].")
        check_text("An id", one or "")


def _wrong(name: str, expected: str, value: Any) -> SettingsError:
    return SettingsError(f"{name} = {value!r} does not fit: expected {expected}.")
