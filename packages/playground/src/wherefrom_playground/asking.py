"""Questions to the model, as the tabs ask them. No web page in here."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any, Literal, get_args

from attrs import field, frozen
from wherefrom.attribute import AttributionModel
from wherefrom.context import ContextAttribution
from wherefrom.errors import InputError
from wherefrom.evaluation import Evaluation, evaluate, evaluation_cost
from wherefrom.methods.contract import METHODS, Progress
from wherefrom.results.attribution import Attributions
from wherefrom.step_functions.base import STEP_FUNCTIONS
from wherefrom.text.characters import begins_unspaced

from wherefrom_playground.chats import asked
from wherefrom_playground.limits import Limits

Units = Literal["token", "word", "sentence"]
"""What is taken away and scored as one."""
JOINED = "A space goes before it, but none before punctuation, in scripts without spaces, or where you typed one."
"""Said where an output is typed; see `gap_between`."""


@frozen(kw_only=True)
class Generation:
    """How the model writes where no output is given. Sampling is off: the same question has the same answer."""

    max_new_tokens: int = 20
    repetition_penalty: float = 1.0

    def arguments(self) -> dict[str, Any]:
        """For `AttributionModel.attribute`."""
        given: dict[str, Any] = {"max_new_tokens": self.max_new_tokens}
        if self.repetition_penalty != 1.0:
            given["repetition_penalty"] = self.repetition_penalty
        return given


@frozen(kw_only=True)
class Asked:
    """One question: the input, what the output is, and how it is explained."""

    text: str
    kind: str = "text"
    """``"text"`` or ``"chat"``."""
    output: str = ""
    """Continuation to explain; empty: the model generates it."""
    contrast: str = ""
    """Continuation that is compared with."""
    target: str = "probability"
    method_settings: dict[str, Any] = field(factory=dict)
    target_settings: dict[str, Any] = field(factory=dict)
    generation: Generation = field(factory=Generation)

    def check(self, limits: Limits, methods: Sequence[str]) -> None:
        """Refuse what takes too long.

        Args:
            methods: Those that are asked.

        Raises:
            InputError: It does.
            UsageError: A method, the target function or a setting of theirs is none.
        """
        limits.check_texts(self.text, self.output, self.contrast)
        if not self.output:
            limits.check_new_tokens(self.generation.max_new_tokens)
        for name in methods:
            limits.check_settings(METHODS.get(name), self.method_settings, where=f"method {name!r}")
        function = STEP_FUNCTIONS.get(self.target)
        limits.check_settings(function, self.target_settings, where=f"step function {self.target!r}")


@frozen(kw_only=True)
class Measured:
    """How results are held against their model."""

    metrics: Sequence[str]
    removals: Sequence[str]
    units: Units = "token"

    def check(self) -> None:
        """Refuse to measure nothing.

        Raises:
            InputError: There is no metric, or no removal.
        """
        if not self.metrics or not self.removals:
            raise InputError("Choose at least one metric and one way to take units away.")
        if self.units not in get_args(Units):
            raise InputError(f"units = {self.units!r}. Choose one of {', '.join(get_args(Units))}.")


def explained(model: AttributionModel, question: Asked, method: str, progress: Progress) -> Attributions:
    """One question by one method.

    Raises:
        WherefromError: The model or the method cannot answer it.
    """
    given = asked(question.text, question.kind)
    output = question.output
    contrast: dict[str, Any] = {}
    if question.contrast:
        if not isinstance(given, str):
            raise InputError("A contrast needs a text as input, not a chat.")
        if not output:
            raise InputError("Write the output that the contrast is compared with.")
        contrast["contrast_targets"] = whole_target(model, given, question.contrast)
    if output and not isinstance(given, str):
        raise InputError("An output of your own needs a text as input, not a chat. Leave it empty.")
    return model.attribute(
        given,
        whole_target(model, given, output) if output and isinstance(given, str) else None,
        method=method,
        attributed_fn=question.target,
        step_scores=["probability"],
        attribution_args=question.method_settings,
        attributed_fn_args=question.target_settings,
        generation_args=None if output else question.generation.arguments(),
        show_progress=False,
        progress=progress,
        **contrast,
    )


def whole_target(model: AttributionModel, text: str, output: str) -> str:
    """The target as the model takes it: decoder-only models want the input repeated in front of it."""
    if model.adapter.card.kind != "decoder-only":
        return output
    return text + gap_between(text, output) + output


_OPENING = frozenset('"#&*@/\\§¶†‡¡¿•')
"""Punctuation that a space may stand before, among that of no pair (Po)."""


def gap_between(text: str, output: str) -> str:
    """The space between an input and an output that were typed apart, as `JOINED` says.

    Example:
        >>> gap_between("He is", "ill"), gap_between("He is", "."), gap_between("人工", "智能")
        (' ', '', '')
    """
    before, after = text[-1:], output[:1]
    if not before or not after or before.isspace() or after.isspace():
        return ""
    kind = unicodedata.category(after)
    closes = kind in ("Pe", "Pf", "Mn", "Mc", "Me") or (kind == "Po" and after not in _OPENING)
    opened = unicodedata.category(before) in ("Ps", "Pi")
    return "" if closes or opened or begins_unspaced(before) or begins_unspaced(after) else " "


def explained_by_all(
    model: AttributionModel, question: Asked, methods: Sequence[str], progress: Progress
) -> list[Attributions]:
    """One question by several methods, each with its usual settings."""
    results = []
    for place, method in enumerate(methods):
        progress(method, place, len(methods))
        results.append(explained(model, question, method, progress))
    return results


def evaluated(
    model: AttributionModel, results: Sequence[Attributions], measured: Measured, limits: Limits, progress: Progress
) -> Evaluation:
    """Results of the same question, held against what the model does without what they name.

    Raises:
        InputError: It takes too many passes.
    """
    named = {one[0].method: one for one in results}
    arguments: dict[str, Any] = {"removals": measured.removals, "units": measured.units}
    limits.check_evaluation(evaluation_cost(named, model, measured.metrics, **arguments))
    return evaluate(named, model, measured.metrics, progress=progress, **arguments)


def documents_in(text: str) -> str | list[str]:
    """The context: one text, or documents where lines of ``---`` part them."""
    parts = [part.strip() for part in ("\n" + text.strip() + "\n").split("\n---\n")]
    documents = [part for part in parts if part]
    if not documents:
        raise InputError("The context is empty. Write a text, or documents parted by lines of ---.")
    return documents if len(documents) > 1 else documents[0]


def explained_context(
    model: AttributionModel, question: Asked, context: str, method: str, progress: Progress
) -> ContextAttribution:
    """Which tokens of the output depend on the context, and on what of it."""
    if not question.text.strip():
        raise InputError("The input is empty. Write a text.")
    return model.attribute_context(
        question.text,
        documents_in(context),
        output=question.output or None,
        method=method,
        decoder_input_output_separator=gap_between(question.text, question.output),
        generation_args=question.generation.arguments(),
        progress=progress,
    )
