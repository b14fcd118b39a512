"""What answering a question will cost, told before it is asked."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Cost:
    """Rows through the model. What is told here is what `wherefrom.adapters.views` counts."""

    forwards: int
    """Sequences run forward."""
    backwards: int = 0
    """Scalars differentiated: one vector-Jacobian product each."""
    at_most: bool = False
    """Is it a bound? For methods that stop when they are content, or leave out what they find to change nothing."""

    def __str__(self) -> str:
        """In words: ``"at most 1,200 forward passes"``, ``"3 forward and 2 backward passes"``."""
        told = f"{self.forwards:,} forward" + (f" and {self.backwards:,} backward" if self.backwards else "")
        passes = "pass" if (self.backwards or self.forwards) == 1 else "passes"
        return f"{'at most ' if self.at_most else ''}{told} {passes}"

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            forwards=self.forwards + other.forwards,
            backwards=self.backwards + other.backwards,
            at_most=self.at_most or other.at_most,
        )

    def times(self, count: int) -> Cost:
        """The same work so many times."""
        return Cost(forwards=count * self.forwards, backwards=count * self.backwards, at_most=self.at_most)
