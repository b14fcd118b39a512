"""What a known answer is: something to ask a method, and a number that says how near it comes."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import msgspec

from wherefrom._registry import Registry
from wherefrom.errors import UsageError


class NotTestedError(UsageError):
    """The known answer is none for this method: it claims nothing of the kind, or needs another model."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One method on one known answer."""

    method: str
    truth: str
    passed: bool | None
    """None: not tested."""
    value: float | None = None
    wanted: float | None = None
    """``passed`` is ``value >= wanted``."""
    why: str = ""
    """Why it was not tested, or what went wrong."""


@runtime_checkable
class Truth(Protocol):
    """A model whose answer is known."""

    @property
    def wanted(self) -> float:
        """The least number that passes."""
        ...

    def value(self, method: Any) -> float:
        """How near the method comes to the known answer.

        Raises:
            NotTestedError: It is none for this method.
            WherefromError: The method failed.
        """
        ...


TRUTHS: Registry[Truth] = Registry(
    "known answer", group="wherefrom.truths", builtins="wherefrom.evaluation.verify.builtin"
)
"""Name to known answer, extended by entry points ``wherefrom.truths``."""
