"""Prompts with their answers and the evidence they hang on."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import msgspec

from wherefrom.errors import FileFormatError
from wherefrom.evaluation.gold import Gold, gold_from_words
from wherefrom.evaluation.lines import decoded_lines
from wherefrom.files.wire.bytes import content_of

PROMPT_SETS = ("short", "long")
"""The built-in ones. Short: facts, agreement, copying, look-up in context. Long: lists of who bought what, chains of
assignments, needles, each in some 220 to 345 tokens with a sentence of reasoning before the answer. Neither ranks
methods alone: "the last tokens first" does well on short prompts and finds nothing in long ones."""


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a prompt set."""

    id: str
    set: str
    """The kind of prompt, for tables."""
    prompt: str
    answer: str
    """How a model continues that knows the answer, with its leading space; its first token is explained. For
    encoder-decoder models all that it says of the prompt, as a translation."""
    evidence: tuple[str, ...] = ()
    """Words or sentences of the prompt that the answer hangs on; all their occurrences count."""

    def gold(self) -> Gold | None:
        """The evidence as a gold annotation; None where none is said."""
        if not self.evidence:
            return None
        return gold_from_words(self.prompt, self.evidence, id=self.id, answer=self.answer)


def load_prompts(name: str | Path) -> list[Prompt]:
    """A built-in set by name, or JSONL of a custom set, one `Prompt` per line.

    Raises:
        FileFormatError: A line is no prompt, or a prompt is empty; the message names it.
        FileNotFoundError: There is no such set and no such file.
        InputError: It is a folder.
    """
    if str(name) in PROMPT_SETS:
        data = (files("wherefrom.evaluation.bench") / "prompts" / f"{name}.jsonl").read_bytes()
    else:
        data = content_of(name)
    expected = "an object with id, set, prompt, answer and evidence"
    found = decoded_lines(data, Prompt, name=name, expected=expected)
    for one in found:
        if not one.prompt.strip():
            raise FileFormatError(f"{name}: the prompt of {one.id!r} is empty. Give at least one word.")
    return found
