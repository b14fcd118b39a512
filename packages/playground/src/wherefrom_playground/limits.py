"""How much one visitor may ask of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import attrs
from attrs import field, frozen, validators
from wherefrom.errors import InputError
from wherefrom.methods.cost import Cost
from wherefrom.methods.harmless import reaches_out
from wherefrom.settings import from_mapping, is_whole

_SWITCHES = {"true": "true", "false": "false", "none": "null", "null": "null"}
"""Texts that were meant as switches, or as nothing, and how those are written."""


@frozen(kw_only=True)
class Limits:
    """Checked before the model is asked."""

    characters: int = field(default=4000, validator=validators.ge(1))
    """Of all the texts of one question together."""
    new_tokens: int = field(default=64, validator=validators.ge(1))
    passes: int = field(default=512, validator=validators.ge(1))
    """Largest value of a setting that counts: steps, samples, probes, rows at once, ... A default may be larger."""
    methods: int = field(default=4, validator=validators.ge(1))
    """Methods of one comparison or evaluation."""
    question_passes: int = field(default=20_000, validator=validators.ge(1))
    """Passes of the model, forward and backward, that the attributions of one question take together."""
    evaluation_passes: int = field(default=20_000, validator=validators.ge(1))
    """Passes of one evaluation, beside those of its attributions."""
    waiting: int = field(default=20, validator=validators.ge(1))
    """Questions in the queue."""

    def check_texts(self, *texts: str) -> None:
        """Refuse texts that are too long.

        Raises:
            InputError: They are.
        """
        length = sum(len(text) for text in texts)
        if length > self.characters:
            raise InputError(f"The texts have {length:,} characters; here at most {self.characters:,} are allowed.")

    def check_new_tokens(self, count: int) -> None:
        """Refuse to generate too much.

        Raises:
            InputError: It is too much, or nothing.
        """
        if not 1 <= count <= self.new_tokens:
            raise InputError(f"{count} new tokens; here 1 to {self.new_tokens} are allowed.")

    def check_methods(self, methods: Sequence[str], *, least: int) -> None:
        """Refuse too few methods, or too many.

        Raises:
            InputError: There are.
        """
        if not least <= len(methods) <= self.methods:
            raise InputError(f"Choose {least} to {self.methods} methods.")

    def check_settings(self, kind: type, given: Mapping[str, Any], *, where: str) -> None:
        """Refuse settings that take too long, and those that reach out of the model: a visitor neither writes nor reads
        files of the server, and loads nothing there.

        Args:
            kind: The method or step function that they are of.
            where: What that is, for messages.

        Raises:
            InputError: One does.
            SettingsError: One does not fit.
        """
        for name, chosen in given.items():
            if not reaches_out(name, chosen):
                continue
            if isinstance(chosen, str) and chosen.lower() in _SWITCHES:
                raise InputError(f"{where}: {name} = {chosen!r} is a text. Write {_SWITCHES[chosen.lower()]}.")
            raise InputError(
                f"{where}: {name} = {chosen!r} could name a file or folder of the server, or a model to load. "
                "Leave it as it is."
            )
        for name, value, default in counts(from_mapping(kind, given, where=where)):
            most = max(self.passes, default)
            if value > most:
                raise InputError(f"{where}: {name} = {value}; here at most {most} is allowed.")

    def check_question(self, passes: Mapping[str, int], that_lower: Callable[[], Sequence[str]]) -> None:
        """Refuse a question that takes too many passes.

        Args:
            passes: What each of its methods takes.
            that_lower: Settings to lower, asked for where there are too many.

        Raises:
            InputError: It does.
        """
        total = sum(passes.values())
        if total <= self.question_passes:
            return
        costly = sorted(passes.items(), key=lambda one: -one[1])
        each = ", ".join(f"{name}: {count:,}" for name, count in costly)
        settings = that_lower()
        raise InputError(
            f"This would take up to {total:,} passes of the model ({each}); here at most {self.question_passes:,} are "
            f"allowed for one question. Lower {_or([*settings, 'the number of new tokens'])}, shorten the text, or "
            "choose another method."
        )

    def check_evaluation(self, cost: Cost) -> None:
        """Refuse an evaluation that takes too many passes.

        Raises:
            InputError: It does.
        """
        passes = cost.forwards + cost.backwards
        if passes > self.evaluation_passes:
            raise InputError(
                f"This would take up to {passes:,} passes; here at most {self.evaluation_passes:,} are allowed. "
                "Choose a shorter text, fewer new tokens, larger units, fewer metrics or fewer removals."
            )


def counts(settings: Any) -> Iterator[tuple[str, int, int]]:
    """Name, value and default (0: none) of every setting that counts, those of a method inside a method too."""
    for declared in attrs.fields(attrs.resolve_types(type(settings))):
        value = getattr(settings, declared.name)
        if attrs.has(type(value)):
            yield from counts(value)
        elif is_whole(value) and _is_count(declared):
            yield declared.name, int(value), int(declared.default) if is_whole(declared.default) else 0


def _is_count(declared: attrs.Attribute[Any]) -> bool:
    """Is it declared as a whole number, that may also be left out or one of a few words? Seeds count nothing, and a
    number beside any text is the id of a token."""
    union = get_origin(declared.type) in (Union, UnionType)
    kinds = get_args(declared.type) if union else (declared.type,)
    others = [kind for kind in kinds if kind not in (int, NoneType) and get_origin(kind) is not Literal]
    return int in kinds and not others and declared.name != "seed"


def _or(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
