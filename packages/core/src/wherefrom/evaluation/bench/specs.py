"""Methods with their settings, as words: ``occlusion[baseline=delete,units=sentence]``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from wherefrom.errors import SettingsError
from wherefrom.methods.contract import METHODS, AnyMethod
from wherefrom.settings import from_mapping, read_value

_SPEC = re.compile(r"^(?P<name>[^\[\]]+)(?:\[(?P<settings>.*)\])?$", re.DOTALL)


def method_of_spec(spec: str) -> AnyMethod:
    """The method that a word describes.

    Settings are ``name=value`` with commas between; values are read as JSON where they can be (``8``, ``[1, 2]``), and
    stand for themselves otherwise.

    Raises:
        SettingsError: The word is not of that form, or a setting does not fit.
        UnknownNameError: No method has that name.
    """
    name, settings = parts_of_spec(spec)
    found: Any = METHODS.get(name)
    made: AnyMethod = from_mapping(found, settings, where=f"method {name!r}")
    return made


def parts_of_spec(spec: str) -> tuple[str, dict[str, Any]]:
    """The name and the settings in a word, read and not looked up.

    Raises:
        SettingsError: The word is not of that form.
    """
    match = _SPEC.match(spec)
    if match is None:
        raise SettingsError(f"{spec!r} is no method. Write its name, or name[setting=value,...].")
    settings: dict[str, Any] = {}
    for part in filter(None, _cut(match["settings"] or "")):
        name, equals, value = part.partition("=")
        if not equals:
            raise SettingsError(f"{part!r} in {spec!r} is no setting. Write name=value.")
        settings[name.strip()] = read_value(value.strip())
    return match["name"], settings


def _cut(settings: str) -> Iterator[str]:
    """The settings in a word, cut at commas outside of brackets and quotes."""
    depth, quoted, begin = 0, False, 0
    for match in re.finditer(r'\\.|["\[\]{},]', settings, re.DOTALL):
        mark = match[0]
        if mark == '"':
            quoted = not quoted
        elif not quoted and mark in "[]{}":
            depth += 1 if mark in "[{" else -1
        elif not quoted and mark == "," and not depth:
            yield settings[begin : match.start()]
            begin = match.end()
    yield settings[begin:]
