"""Tests of examples, of which a filter is a tree: small frozen values that are called with a candidate.

They look at an example's summary first and read the example only if the summary cannot tell. `filter_language` makes
them of what a user types.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from attrs import frozen
from wherefrom.files import Summary
from wherefrom.files.summaries import MOST_ANNOTATIONS, PREVIEW, TAGS, annotations_of, summarized, tags_in, texts_of
from wherefrom.results import share_on
from wherefrom.results.attribution import Attribution


class Candidate(Protocol):
    """An example to be tested."""

    @property
    def summary(self) -> Summary: ...

    @property
    def number(self) -> int:
        """Its place in its file, from 1."""
        ...

    @property
    def file(self) -> str: ...

    @property
    def marked(self) -> bool: ...

    def load(self) -> Attribution:
        """The whole example."""
        ...


class Filter(Protocol):
    """A test of examples."""

    def __call__(self, candidate: Candidate) -> bool: ...


@frozen
class Everything:
    """Accepts all examples."""

    def __call__(self, candidate: Candidate) -> bool:
        return True


@frozen
class All:
    """Every part accepts; cheap parts are asked first."""

    parts: tuple[Filter, ...]

    def __call__(self, candidate: Candidate) -> bool:
        return all(part(candidate) for part in self.parts)


@frozen
class AnyOf:
    """One part accepts."""

    parts: tuple[Filter, ...]

    def __call__(self, candidate: Candidate) -> bool:
        return any(part(candidate) for part in self.parts)


@frozen
class Not:
    """The part does not accept."""

    part: Filter

    def __call__(self, candidate: Candidate) -> bool:
        return not self.part(candidate)


@frozen
class Contains:
    """A text field contains a text, in any case."""

    field: str
    wanted: str
    """Case folded."""

    def __call__(self, candidate: Candidate) -> bool:
        summary = candidate.summary
        if self.field in ("input", "text") and self.wanted in summary.prompt.casefold():
            return True
        if self.field in ("output", "text") and self.wanted in summary.output.casefold():
            return True
        if self.field in ("text", "id") and summary.id is not None and self.wanted in summary.id.casefold():
            return True
        if self.field == "id" or not _cut(summary):
            return False
        return any(self.wanted in part.casefold() for part in _texts(candidate, self.field))


@frozen
class Matches:
    """A text field matches a regular expression."""

    field: str
    pattern: re.Pattern[str]

    def __call__(self, candidate: Candidate) -> bool:
        summary = candidate.summary
        if self.field == "id":
            return self.pattern.search(summary.id or "") is not None
        return any(self.pattern.search(part) is not None for part in _texts(candidate, self.field))


@frozen
class Named:
    """Method or file contains a text, in any case; ``ig`` is short for the initials of a method."""

    field: str
    wanted: str

    def __call__(self, candidate: Candidate) -> bool:
        name = (candidate.summary.method if self.field == "method" else candidate.file).casefold()
        initials = "".join(word[:1] for word in name.split("_"))
        return self.wanted in name or (self.field == "method" and self.wanted == initials)


@frozen
class Has:
    """A token is exactly this, spaces around it aside."""

    token: str

    def __call__(self, candidate: Candidate) -> bool:
        example = candidate.load()  # a summary lacks tokens behind the last step, or before the first of a target
        return any(
            one.text == self.token or one.text.strip() == self.token for one in (*example.source, *example.target)
        )


@frozen
class Tagged:
    """It has a tag, in any case."""

    tag: str
    """Case folded."""

    def __call__(self, candidate: Candidate) -> bool:
        tags = tags_in({TAGS: _annotation(candidate, TAGS)})
        return any(one.casefold() == self.tag for one in tags)


@frozen
class Annotated:
    """What an annotation says passes a test. Examples without the annotation do not match."""

    name: str
    test: Callable[[Any], bool]

    def __call__(self, candidate: Candidate) -> bool:
        value = _annotation(candidate, self.name)
        if isinstance(value, list):
            return any(self.test(one) for one in value)
        return value is not None and self.test(value)


def _annotation(candidate: Candidate, name: str) -> Any:
    """The whole value: from the summary, unless that is older than annotations or holds a beginning only."""
    if candidate.summary.whole:
        value = (candidate.summary.annotations or {}).get(name)
        if not _is_beginning(value) and (value is not None or not _is_beginning(candidate.summary.annotations)):
            return value
    return annotations_of(candidate.load()).get(name)


def _is_beginning(value: Any) -> bool:
    """May there be more than a summary keeps?"""
    if isinstance(value, str):
        return value.endswith("…")
    if isinstance(value, list):
        return len(value) >= MOST_ANNOTATIONS or any(map(_is_beginning, value))
    return isinstance(value, dict) and len(value) >= MOST_ANNOTATIONS


@frozen
class Marked:
    """The user marked it."""

    wanted: bool

    def __call__(self, candidate: Candidate) -> bool:
        return candidate.marked is self.wanted


@frozen
class Compares:
    """A length, or the mean of a step score, compared with a number. Examples without the score do not match."""

    field: str
    compare: Callable[[float, float], bool]
    bound: float

    def __call__(self, candidate: Candidate) -> bool:
        value = number_of(candidate.summary, candidate.number, self.field)
        return value is not None and self.compare(value, self.bound)


@frozen
class LowestCompares:
    """The smallest value of a step score, compared with a number. Examples without the score do not match."""

    score: str
    compare: Callable[[float, float], bool]
    bound: float

    def __call__(self, candidate: Candidate) -> bool:
        summary = candidate.summary
        low = summary.low(self.score) if summary.whole else summarized(candidate.load()).low(self.score)
        return low is not None and self.compare(low, self.bound)


@frozen
class ShareCompares:
    """The share of the scores on a part of the inputs, compared with a number."""

    part: str
    compare: Callable[[float, float], bool]
    bound: float

    def __call__(self, candidate: Candidate) -> bool:
        share = candidate.summary.context if self.part == "context" else None
        if share is None:
            share = share_on(candidate.load(), self.part)
        return share is not None and self.compare(share, self.bound)


def number_of(summary: Summary, number: int, field: str) -> float | None:
    """A numeric field of an example; None if it has none."""
    if field == "n":
        return number
    if field == "len":
        return summary.inputs + summary.steps
    if field == "inputs":
        return summary.inputs
    if field == "steps":
        return summary.steps
    return summary.scores.get(field)


def _cut(summary: Summary) -> bool:
    """Does the summary hold only the beginning of a text?"""
    return (
        summary.prompt.endswith("…")
        or summary.output.endswith("…")
        or summary.inputs > PREVIEW
        or summary.steps > PREVIEW
    )


def _texts(candidate: Candidate, field: str) -> list[str]:
    """The whole texts of a field."""
    summary = candidate.summary
    prompt, output = summary.prompt, summary.output
    if _cut(summary):
        prompt, output = texts_of(candidate.load())
    return {"input": [prompt], "output": [output]}.get(field, [prompt, output])


def unknown_parts(part: Filter, examples: Iterable[Attribution]) -> list[str]:
    """Names in ``share(…)`` that are no part of any of these examples."""
    wanted = dict.fromkeys(_share_parts(part))
    for one in examples if wanted else ():
        wanted = {name: None for name in wanted if share_on(one, name) is None}
        if not wanted:
            break
    return list(wanted)


def _share_parts(part: Filter) -> list[str]:
    if isinstance(part, ShareCompares):
        return [part.part]
    if isinstance(part, Not):
        return _share_parts(part.part)
    return [name for one in part.parts for name in _share_parts(one)] if isinstance(part, All | AnyOf) else []


def cost_of(part: Filter) -> int:
    """What a test costs, so that tests that read examples come last."""
    if isinstance(part, ShareCompares):
        return 3
    if isinstance(part, Has):
        return 2
    return 1 if isinstance(part, Contains | Matches | AnyOf | Not | All | Annotated) else 0
