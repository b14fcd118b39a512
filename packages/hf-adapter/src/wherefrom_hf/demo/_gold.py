"""The gold cues of the demo models: for a predicted word, the words that decide it."""

from __future__ import annotations

from typing import Literal

import msgspec

from wherefrom_hf.demo._paths import demo_path


class CueSpan(msgspec.Struct, frozen=True, array_like=True):
    """Characters ``start`` to ``stop`` (exclusive) of the source or of the target."""

    start: int
    """First character."""

    stop: int
    """Behind the last character."""

    side: Literal["source", "target"] = "source"
    """Which text the characters are counted in. With ``demo:lm`` both count alike."""


class GoldCue(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One predicted word, and what decides it. Held out: training saw no text with this combination."""

    id: str
    """Unique within the model, such as ``agreement-007``."""

    dependency: str
    """Kind of dependency; `docs/demo-models.md` explains each."""

    source: str
    """``demo:lm``: the prompt, which ends before the decided word. ``demo:mt``: the sentence to translate."""

    target: str
    """``demo:lm``: the full text, which begins with the prompt. ``demo:mt``: the translation."""

    decided: CueSpan
    """The predicted word, in the target."""

    cues: tuple[CueSpan, ...]
    """The words that decide it, in the source."""

    also: tuple[CueSpan, ...] = ()
    """Words that carry part of the same information, in the source or earlier in the target. A method
    that puts one of these on top has made no mistake."""

    contrast_word: str | None = None
    """The word that would stand there had the cue been another, for contrastive attribution."""

    context_stop: int | None = None
    """Where the context sentences end in the source; None when there are none."""

    @property
    def word(self) -> str:
        """The decided word."""
        return self.target[self.decided.start : self.decided.stop]

    @property
    def contrast(self) -> str | None:
        """The target with the contrast word in place of the decided word; it ends there. None without one."""
        return None if self.contrast_word is None else self.target[: self.decided.start] + self.contrast_word


def gold_cues(name: str) -> list[GoldCue]:
    """The gold cues of the demo model ``name``, in a fixed order.

    Raises:
        UnknownDemoModelError: There is no such model.
    """
    lines = (demo_path(name) / "gold.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line, type=GoldCue) for line in lines]
