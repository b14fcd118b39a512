"""From the text that was typed to a value."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

from attrs import frozen
from wherefrom.errors import nearest
from wherefrom.settings import read_value


class WrongValueError(ValueError):
    """A text that is no such value; says what was expected and what came."""


def yes_or_no(text: str) -> bool:
    """``yes/no/true/false/t/f/y/n/1/0/on/off`` as a boolean."""
    word = text.lower()
    if word in ("yes", "true", "t", "y", "1", "on"):
        return True
    if word in ("no", "false", "f", "n", "0", "off"):
        return False
    raise WrongValueError(f"expected yes or no, got {text!r}")


def json_object(text: str) -> dict[str, Any]:
    """A JSON object given on the command line."""
    expected = "expected a JSON object such as '{\"n_steps\": 50}'"
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise WrongValueError(f"{expected}, got {text!r} ({error.msg} at character {error.pos})") from None
    except (RecursionError, ValueError) as error:
        raise WrongValueError(f"{expected}, got one that cannot be read ({error})") from None
    if not isinstance(value, dict):
        raise WrongValueError(f"{expected}, got {text!r}")
    return value


def setting(text: str) -> tuple[str, Any]:
    """``NAME=VALUE``; see `wherefrom.settings.read_value`."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise WrongValueError(f"expected NAME=VALUE, got {text!r}")
    return name, read_value(value)


def whole_number(text: str) -> int:
    """An integer."""
    try:
        return int(text)
    except ValueError:
        raise WrongValueError(f"expected a whole number, got {text!r}") from None


def positive_number(text: str) -> int:
    """An integer of at least 1."""
    if (value := whole_number(text)) < 1:
        raise WrongValueError(f"expected a whole number of at least 1, got {text!r}")
    return value


def number(text: str) -> float:
    """A finite number."""
    try:
        value = float(text)
    except ValueError:
        raise WrongValueError(f"expected a number, got {text!r}") from None
    if not math.isfinite(value):
        raise WrongValueError(f"expected a finite number, got {text!r}")
    return value


def one_of(choices: Iterable[str]) -> OneOf:
    """A word out of a few; another word is answered with the nearest."""
    return OneOf(tuple(choices))


@frozen
class OneOf:
    """Lets through the words it knows."""

    choices: tuple[str, ...]

    def __call__(self, text: str) -> str:
        """``text``, if it is one of the words.

        Raises:
            WrongValueError: It is not.
        """
        if text not in self.choices:
            known = [*self.choices]
            wanted = " or ".join([*filter(None, [", ".join(known[:-1])]), known[-1]])
            raise WrongValueError(f"expected {wanted}, got {text!r}.{nearest(text, known)}")
        return text
