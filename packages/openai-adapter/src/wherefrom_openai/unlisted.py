"""Tokens that are asked about and that no list of a server holds: their probability is a guess, and that is told."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from attrs import define
from wherefrom.adapters import Row, RowFunction
from wherefrom.errors import WherefromWarning

from wherefrom_openai.distribution import ROUNDING, Listed


def tokens_of_steps(row: Row) -> dict[int, int]:
    """The token in question at each step, by the step's place among those of the row: the one that stands there, and
    behind the last the one that its functions look up."""
    own = {place: int(row.target_ids[step]) for place, step in enumerate(row.steps) if step < len(row.target_ids)}
    for function in _functions(row):
        own = dict(enumerate(map(int, function.looked_up[0]))) | own
    return own


def _functions(row: Row) -> list[RowFunction]:
    return [*row.scores.values(), *([row.target_function] if row.target_function is not None else [])]


@define
class Unlisted:
    """What was asked about so far, and how much of it was not listed."""

    asked: int
    """Tokens that the server is asked to list per step."""
    fewest: int | None = None
    most: int = 0
    """Tokens that it listed."""
    targets: int = 0
    targets_missed: int = 0
    contrasts: int = 0
    contrasts_missed: int = 0
    unread: float = 0.0
    """The most of a step's probability that was listed by names which are not understood."""

    def look(self, row: Row, listed: Sequence[Listed]) -> None:
        """Count what a row asks about: the token of each step, and the others that its functions look up there."""
        lengths = [len(one.ids) for one in listed]
        self.fewest = min(lengths if self.fewest is None else [self.fewest, *lengths], default=None)
        self.most = max([self.most, *lengths])
        self.unread = max([self.unread, *(one.unread for one in listed)])
        own = tokens_of_steps(row)
        self.targets += len(own)
        self.targets_missed += sum(index not in listed[place].ids for place, index in own.items())
        others = {
            (step, int(i))
            for function in _functions(row)
            for ids in function.looked_up
            for step, i in enumerate(ids)
            if i != own.get(step)
        }
        self.contrasts += len(others)
        self.contrasts_missed += sum(i not in listed[step].ids for step, i in others)

    def warn(self) -> None:
        """Say how many were missed, and how much of the lists is not understood; nothing if all is well."""
        missed = [
            f"{count} of {of} {name}"
            for count, of, name in (
                (self.targets_missed, self.targets, "target tokens"),
                (self.contrasts_missed, self.contrasts, "contrast tokens"),
            )
            if count
        ]
        told = []
        if missed:
            count = f"{self.most}" if self.fewest == self.most else f"{self.fewest} to {self.most}"
            told.append(
                f"{' and '.join(missed)} were not among the {count} tokens that {self._lists} per step; they "
                "got an even share of the probability that the list leaves."
            )
        if self.unread > ROUNDING:
            told.append(
                f"The server names tokens by text. Up to {self.unread:.3g} of a step's probability is of texts that "
                "its tokeniser makes other tokens of (pieces within words, parts of characters): all tokens that are "
                "not on the list share it. A server that tells ids (return_tokens_as_token_ids) is understood whole."
            )
        elif missed:
            told.append(
                f"It was asked for {self.asked} and lists no more."
                if self.most < self.asked
                else "Raise top_logprobs, up to the size of the vocabulary, for exact values."
            )
        if told:
            warnings.warn(" ".join(told), WherefromWarning, stacklevel=3)

    @property
    def _lists(self) -> str:
        """What the server does with a token that is found on its lists."""
        return "the server lists and that are understood" if self.unread > ROUNDING else "the server lists"
