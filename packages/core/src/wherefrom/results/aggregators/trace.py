"""From an answer through its reasoning to the prompt."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field, frozen, validators

from wherefrom.errors import InputError
from wherefrom.results.aggregation import Aggregator, aggregated, aggregator
from wherefrom.results.aggregators._record import recorded
from wherefrom.results.contributors import joint
from wherefrom.results.data import TRACE, AnyAttribution
from wherefrom.results.direction import turned
from wherefrom.results.hops import matrix_reader, reading_matrix, solved, walked
from wherefrom.results.tracing import LEFT_OUT, SIGN_RULES, left_out_rows, span_of, traced, unsigned
from wherefrom.settings import counting
from wherefrom.text.places import as_setting


@aggregator("trace")
@frozen(kw_only=True)
class Trace(Aggregator):
    """Where an answer comes from when what was generated before it is followed back to the prompt.

    The scores that the answer puts on generated tokens are passed on to what those were read from, and so on: exactly
    to the end, or for some hops. Columns of the result are the answer after no hop, then after each further hop (or
    after all); each sums to 1, rows of generated tokens hold what is still on its way. Works on any result, saved ones
    too: no model is asked. The details tell the mass that arrived with each hop, what is missing or lost, and how
    much passed through each generated token.

    Good for answers after reasoning, whose own scores point at the reasoning. Hops are for chains: where an answer
    reads the prompt directly they blur, so look at both columns. The first input is left out before anything is passed
    on, since mass that rests there would end every walk.
    """

    span: Any = field(default=None, converter=as_setting)
    """The answer, among the explained steps, as `wherefrom.text.places.Place` says; None: the last sentence."""
    hops: int | None = field(default=None, validator=counting(0))
    """How often mass is passed on; None: until all has arrived, by one triangular solve."""
    reasoning: Any = field(default=None, converter=as_setting)
    """Generated tokens that pass on, named like the span; None: all. Others keep what reaches them."""
    leave_out: str = field(default="sink", validator=validators.in_(LEFT_OUT))
    """Inputs that take no part: ``"sink"`` (the first of the decoder), ``"special"`` (that and special tokens, of the
    source too), ``"nothing"``."""
    signed: str = field(default="positive", validator=validators.in_(SIGN_RULES))
    """Of signed scores, the ``"positive"`` part, which raises the answer, the ``"magnitude"``, or ``"refuse"``. Those
    of a target function that falls where the model becomes surer (``"crossentropy"``) are turned first."""

    def __call__(self, attribution: AnyAttribution) -> AnyAttribution:
        if TRACE in attribution.details:
            raise InputError(
                "This result is a trace, whose columns are hops and no steps. Trace the result that it was made from."
            )
        one = aggregated(attribution) if attribution.dimensions else attribution
        if one.target_attributions is None:
            raise InputError(
                "A trace needs scores of the generated tokens too, and this result has those of the source alone. "
                "Attribute with attribute_target=True."
            )
        scores, visible, _ = joint(one)
        first, end = one.attr_pos_start, one.attr_pos_end
        sources = len(scores) - len(one.target)
        out = left_out_rows(one.source if sources else (), one.target, self.leave_out)  # type: ignore[arg-type]
        if turned(one):
            scores = 0.0 - scores
        masses = unsigned(np.where(visible, scores, 0.0), one.signed, self.signed, one.method)  # type: ignore[arg-type]
        matrix = reading_matrix(masses, visible & ~out[:, None], sources + first)
        span = span_of(self.span, one.target, one.segments, first, end)
        start = np.zeros(len(scores))
        start[sources + span] = 1 / len(span)
        passes_on = np.zeros(len(scores), dtype=bool)
        reasoning = (
            np.arange(first, end)
            if self.reasoning is None
            else span_of(self.reasoning, one.target, one.segments, first, end, name="reasoning")
        )
        passes_on[sources + reasoning] = True
        if self.hops is None:
            walk = solved(matrix, sources + first, start, passes_on)
        else:
            walk = walked(matrix_reader(matrix, sources + first), start, passes_on, self.hops)
        facts = {"hops": self.hops, "leave_out": self.leave_out}
        return recorded(one, self, **traced(one, walk, span, first, facts))
