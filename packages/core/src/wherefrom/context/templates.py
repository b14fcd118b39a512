"""How context and current text are put together, and where each of them then stands."""

from __future__ import annotations

import re
import warnings

from attrs import frozen

from wherefrom.errors import InputError, SettingsError, WherefromWarning

CONTEXT, CURRENT = "{context}", "{current}"

TEXT_TEMPLATE, CHAT_TEMPLATE = f"{CONTEXT} {CURRENT}", f"{CONTEXT}\n\n{CURRENT}"
"""How a context is put in front of a text, and of a question within a message, by default."""

_SLOT = re.compile(r"\{(context|current)\}")

Span = tuple[int, int]
"""(first character, character after the last)."""


@frozen(kw_only=True)
class Filled:
    """A template with its texts put in."""

    text: str
    current: Span
    """Where the current text stands."""
    context: Span | None = None
    """Where the context stands; None if the template has none."""

    @property
    def before_current(self) -> str:
        """Everything in front of the current text."""
        return self.text[: self.current[0]]


@frozen
class Template:
    """A text with the places ``{current}`` and, possibly, ``{context}``. Other braces are text like any other.

    Example:
        >>> Template("Q: {context} {current}").fill(current="it is", context="A car.").context
        (3, 9)
    """

    text: str

    @property
    def has_context(self) -> bool:
        """Does it have a place for a context?"""
        return CONTEXT in self.text

    def fill(self, *, current: str, context: str | None = None) -> Filled:
        """The text with both put in.

        Raises:
            InputError: It has a place for a context and none is given.
        """
        if self.has_context and context is None:
            raise InputError(f"The template {self.text!r} has a place for a context, but there is none to put in.")
        text, spans, last = "", {}, 0
        for slot in _SLOT.finditer(self.text):
            text += self.text[last : slot.start()]
            value = current if slot.group() == CURRENT else context or ""
            spans[slot.group()] = (len(text), len(text) + len(value))
            text, last = text + value, slot.end()
        return Filled(text=text + self.text[last:], current=spans[CURRENT], context=spans.get(CONTEXT))


def input_template(given: str | None, *, has_context: bool, default: str = TEXT_TEMPLATE) -> Template:
    """The template of what is read: as given, or the context in front of the current text.

    Args:
        default: With a context, where none is given.

    Raises:
        SettingsError: A place is missing or there twice.
    """
    return _checked("input_template", default if given is None and has_context else given, has_context=has_context)


def output_template(given: str | None, *, has_context: bool) -> Template:
    """The template of what is said, where the context must come first.

    Raises:
        SettingsError: A place is missing or there twice, or the current text comes before its context.
    """
    template = _checked("output_template", given, has_context=has_context)
    if template.has_context and template.text.index(CONTEXT) > template.text.index(CURRENT):
        raise SettingsError(
            f"output_template={template.text!r} puts {CURRENT} before {CONTEXT}. What is said first is the context of "
            f"what is said later: put {CONTEXT} first."
        )
    suffix = template.text.split(CURRENT)[1]
    if suffix.strip():
        warnings.warn(
            f"output_template has {suffix!r} behind {CURRENT}. Nothing of the current text can depend on it; it is "
            "left out.",
            WherefromWarning,
            stacklevel=3,
        )
        template = Template(template.text.split(CURRENT)[0] + CURRENT)
    return template


def contextless_template(name: str, given: str | None) -> Template:
    """The template of the same text without its context: ``{current}`` unless given.

    Raises:
        SettingsError: It has a place for a context, or none for the current text.
    """
    template = Template(CURRENT if given is None else given)
    _require_current(name, template)
    if template.has_context:
        raise SettingsError(f"{name}={template.text!r} has {CONTEXT}, but it is for the text without context.")
    return template


def _checked(name: str, given: str | None, *, has_context: bool) -> Template:
    template = Template(given if given is not None else TEXT_TEMPLATE if has_context else CURRENT)
    _require_current(name, template)
    if template.text.count(CONTEXT) > 1:
        raise SettingsError(f"{name}={template.text!r} has {CONTEXT} more than once. One place is enough.")
    return template


def _require_current(name: str, template: Template) -> None:
    found = template.text.count(CURRENT)
    if found != 1:
        raise SettingsError(
            f"{name}={template.text!r} has {CURRENT} {found} times; it must be there once, for the text in question."
        )
