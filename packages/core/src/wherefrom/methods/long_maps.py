"""Said before the work begins: a map of many steps over a long text, where a span or a trace would do."""

from __future__ import annotations

from collections.abc import Sequence

from wherefrom.methods.contract import AnyMethod
from wherefrom.questions.question import Question

MANY_PASSES = 64
"""Backward passes from which a map is worth a remark."""
MANY_POSITIONS = 2**17
"""Positions those passes go through together, from which it is: 256 steps over 512 tokens."""


def long_map_note(method: AnyMethod, questions: Sequence[Question]) -> str | None:
    """What the dearest question will cost, and what to ask instead; None for what is soon done.

    Forms whose cost does not grow with the number of steps are offered: a span as one target, and a trace.
    """
    costs = [(cost.backwards, question) for question in questions if (cost := method.cost(question)) is not None]
    backwards, dearest = max(costs, key=lambda one: one[0], default=(0, None))
    if dearest is None:
        return None
    tokens = len(dearest.target_ids) + (0 if dearest.source_ids is None else len(dearest.source_ids))
    if backwards < MANY_PASSES or backwards * tokens < MANY_POSITIONS:
        return None
    return (
        f"{method.identifier}: {backwards:,} backward passes over up to {tokens:,} tokens, one per step and point. If "
        "one answer is meant and not every step, attributed_span='...' explains it as a whole, and wherefrom.trace("
        "model, prompt, output, span='...') follows it through what was generated: one pass per hop, however long the "
        "output."
    )
