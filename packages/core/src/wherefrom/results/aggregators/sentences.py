"""Merge the tokens of sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from attrs import field, frozen

from wherefrom.results.aggregation import aggregator
from wherefrom.results.aggregators.functions import known_function
from wherefrom.results.aggregators.merging import Span, merge_spans
from wherefrom.results.aggregators.split import spans_between
from wherefrom.results.data import AnyAttribution
from wherefrom.text.tokens import Token

_ENDS = re.compile(r"""[.!?…]+["'”’»)\]]*(?=\s)|[。！？]+[」』”]*|\n+""")

_ABBREVIATED = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|vs|etc|cf|approx|No|Fig|e\.g|i\.e|z\.B|d\.h|bzw|ca|Nr))\.$"
)


@aggregator
@frozen(kw_only=True)
class Sentences:
    """Tokens of a sentence become one unit. Special tokens stay alone.

    Sentences end at full stops, question and exclamation marks before a space, at their East Asian forms, and at line
    breaks; a few common abbreviations and initials do not end one. For anything finer give spans or a pattern.
    """

    identifier: ClassVar[str] = "sentences"

    aggregate_source: bool = True
    aggregate_target: bool = True
    aggregate_fn: str = field(default="absmax", validator=known_function)
    """How scores of a sentence are combined. Step scores use their own functions."""

    def __call__(self, attribution: AnyAttribution) -> AnyAttribution:
        source = self.spans(attribution.source) if self.aggregate_source else []
        target = self.spans(attribution.target) if self.aggregate_target else []
        return merge_spans(attribution, source, target, self.aggregate_fn, self)

    def spans(self, tokens: Sequence[Token]) -> list[Span]:
        """The sentences of several tokens."""
        text = "".join("\0" * len(token.text) if token.special else token.text for token in tokens)
        ends = [
            match.end()
            for match in _ENDS.finditer(text)
            if not _ABBREVIATED.search(text[max(0, match.end() - 12) : match.end()])
        ]
        return spans_between(tokens, ends)
