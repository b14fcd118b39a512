"""Numbers of an evaluation as annotations of the examples, so that lists of examples show and sort by them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from wherefrom.errors import InputError
from wherefrom.evaluation.records import Evaluation, check_named
from wherefrom.results.attribution import Attributions
from wherefrom.results.partners import as_called, bare, bare_text, have_ids, matched


def with_measurements(results: Attributions, evaluation: Evaluation, method: str | None = None) -> Attributions:
    """The results, each example annotated with its mean number per metric over outputs and removals. Examples are found
    by id, as results are paired there; by place where one of the two has no ids, and the text is the same.

    The terminal browser has a column for each, and the filter language knows them as ``:metric``.

    Args:
        method: Its name in the evaluation; None: the only one evaluated.

    Raises:
        UnknownNameError: The evaluation has no such method, or several and none was named.
        InputError: It is of none of these examples.
    """
    if method is None and len(evaluation.methods) == 1:
        (method,) = evaluation.methods
    check_named("method", str(method), evaluation.methods)
    values: dict[int | None, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in evaluation.measurements:
        if one.method == method and one.value is not None:
            values[one.example][one.metric].append(one.value)
    return results.replace(
        sequence_attributions=tuple(
            example.replace(
                annotations={
                    **example.annotations,
                    **{metric: round(float(np.mean(found)), 4) for metric, found in values.get(index, {}).items()},
                }
            )
            for index, example in zip(_numbers(evaluation, results), results, strict=True)
        )
    )


def _numbers(evaluation: Evaluation, results: Attributions) -> Sequence[int | None]:
    """What the evaluation calls each example.

    Raises:
        InputError: It has none of them.
    """
    known, ids = as_called(evaluation.ids or [None] * len(evaluation.texts), [one.id for one in results])
    pairs = matched(known, ids)
    if not have_ids(known, ids):
        texts = [bare_text(one.target) for one in results]
        pairs = [(number, place) for number, place in pairs if bare(evaluation.texts[number]) == texts[place]]
    if not pairs:
        raise InputError(
            "The evaluation is of none of these examples: no id of theirs is there, and no text at the same place. "
            "Give the results that were evaluated."
        )
    numbers = {place: number for number, place in pairs}
    return [numbers.get(place) for place in range(len(results))]
