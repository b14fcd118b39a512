"""Merge tokens between the matches of a pattern."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import attrs
from attrs import field, frozen

from wherefrom.errors import SettingsError
from wherefrom.results.aggregation import Aggregator, aggregator
from wherefrom.results.aggregators.functions import known_function
from wherefrom.results.aggregators.merging import merge_spans, spans_where
from wherefrom.results.breaks import gaps_in
from wherefrom.results.data import AnyAttribution
from wherefrom.text.merging import Span
from wherefrom.text.tokens import Token

MODES = ("single", "start", "end")


def _valid_pattern(instance: Any, attribute: attrs.Attribute[str], pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise SettingsError(f"split_pattern = {pattern!r} is no regular expression: {error}.") from error


def _known_mode(instance: Any, attribute: attrs.Attribute[str], mode: str) -> None:
    if mode not in MODES:
        raise SettingsError(f"split_mode = {mode!r}. Choose one of {', '.join(MODES)}.")


@aggregator("split")
@frozen(kw_only=True)
class Split(Aggregator):
    """The text is cut at the matches of a regular expression; tokens of each part become one unit.

    A token belongs to the part in which its first visible letter lies, one without text to that of the token before it.
    Special tokens stay alone.
    """

    split_pattern: str = field(validator=_valid_pattern)
    """Regular expression, matched against the text of the tokens."""
    split_mode: str = field(default="single", validator=_known_mode)
    """A match is a part of its own (``"single"``), or belongs to what follows (``"start"``) or precedes (``"end"``)."""
    aggregate_source: bool = True
    aggregate_target: bool = True
    aggregate_fn: str = field(default="absmax", validator=known_function)
    """How scores of a part are combined. Step scores use their own functions."""

    def __call__(self, attribution: AnyAttribution) -> AnyAttribution:
        source = self.spans(attribution.source) if self.aggregate_source else []
        target = self.spans(attribution.target) if self.aggregate_target else []
        return merge_spans(attribution, source, target, self.aggregate_fn, self)

    def spans(self, tokens: Sequence[Token]) -> list[Span]:
        """The parts of several tokens."""
        text = "".join("\0" * len(token.text) if token.special else token.text for token in tokens)
        cuts = set()
        for match in re.finditer(self.split_pattern, text):
            if self.split_mode != "end":
                cuts.add(match.start())
            if self.split_mode != "start":
                cuts.add(match.end())
        return spans_between(tokens, sorted(cuts))


def spans_between(tokens: Sequence[Token], cuts: Sequence[int]) -> list[Span]:
    """Spans of tokens between character positions of their joined text, and between tokens that were left out."""
    gaps = gaps_in(tokens)
    parts = []
    position = part = 0
    for token in tokens:
        begin = position + len(token.text) - len(token.text.lstrip()) if token.text.strip() else position
        while part < len(cuts) and cuts[part] <= begin:
            part += 1
        parts.append(part)
        position += len(token.text)

    def continues(index: int) -> bool:
        if tokens[index].special or tokens[index - 1].special or index in gaps:
            return False
        return not tokens[index].text or parts[index] == parts[index - 1]

    return spans_where(len(tokens), continues)
