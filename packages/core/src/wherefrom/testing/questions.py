"""Questions made straight from texts, for tests that need no more than a model and a method."""

from __future__ import annotations

from typing import Any

import numpy as np

from wherefrom.arrays import IntArray
from wherefrom.questions.question import Question
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions.base import STEP_FUNCTIONS, StepFunction


def question(
    model: Any,
    source: str,
    target: str,
    *,
    function: str | StepFunction = "probability",
    last: int | None = None,
    attribute_target: bool = True,
    **target_function: Any,
) -> Question:
    """Ask about every token of ``target``.

    Args:
        model: Anything that encodes (`wherefrom.adapters.SequenceModel`).
        source: What the encoder reads, or the prompt.
        target: The continuation, or what the decoder says.
        last: Ask about the last so many tokens only.
        **target_function: Further fields of the `TargetFunction`, such as ``contrast_ids``.

    Returns:
        A question whose baselines keep EOS and the decoder's start token.
    """
    source_ids: IntArray | None = None
    source_tokens = ()
    if model.card.kind == "encoder-decoder":
        read = model.encode(source, side="source")
        source_ids, source_tokens = read.ids, read.tokens
        written = model.encode(target, side="target")
        first = 1
    else:
        written = model.encode(f"{source} {target}", side="target")
        first = len(model.encode(source, side="target").ids)
    if last is not None:
        first = max(first, len(written.ids) - last)
    steps = np.arange(first, len(written.ids), dtype=np.int64)
    if isinstance(function, str):
        function = STEP_FUNCTIONS.get(function)()
    eos = np.array(model.card.eos_ids, np.int64)
    kept_target = np.isin(written.ids, eos)
    kept_target[:1] |= model.card.kind == "encoder-decoder"
    return Question(
        target_ids=written.ids,
        steps=steps,
        target_function=TargetFunction(function=function, target_ids=written.ids[steps], **target_function),
        source_ids=source_ids,
        source_tokens=source_tokens,
        target_tokens=written.tokens,
        attribute_target=attribute_target,
        kept_source=np.flatnonzero(np.isin(source_ids, eos)) if source_ids is not None else np.zeros(0, np.int64),
        kept_target=np.flatnonzero(kept_target),
    )
